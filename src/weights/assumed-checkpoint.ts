/**
 * A checkpoint that is only imagined: it has the tensors that the networks ask for. With it a graph can be written, and its
 * memory told, before any file is here.
 */

import { BYTES_PER_ELEMENT, elementCount } from '../tensor/dtype.ts';
import { EngineError } from '../errors.ts';
import type { ByteSource, Checkpoint, TensorEntry } from './checkpoint.ts';

/** An imagined checkpoint; its `tensors` are those that were asked for so far. Reading from it fails. */
export function assumedCheckpoint(id: string): Checkpoint {
  const source: ByteSource = {
    name: id,
    size: Number.MAX_SAFE_INTEGER,
    read: () =>
      Promise.reject(
        new EngineError('invalid-argument', `${id} has no files; it is only imagined`),
      ),
  };
  const tensors = new Map<string, TensorEntry>();
  return {
    id,
    tensors,
    assume: (name, shape) => {
      const byteLength = elementCount(shape) * BYTES_PER_ELEMENT.float16;
      const entry = { name, dtype: 'float16', shape, source, byteOffset: 0, byteLength } as const;
      tensors.set(name, entry);
      return entry;
    },
  };
}
