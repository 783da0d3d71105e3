/**
 * A checkpoint of which only names and shapes are known, for tests of graphs: reading it fails.
 */

import { BYTES_PER_ELEMENT, elementCount } from '../../src/tensor/dtype.ts';
import type { ByteSource, Checkpoint, TensorEntry } from '../../src/weights/checkpoint.ts';
import { openFullsize } from '../../tools/goldens/fullsize.ts';
import { readGolden } from './goldens.ts';

/** Shapes by tensor name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** A float16 checkpoint with tensors of these shapes. */
export function describedCheckpoint(shapes: Shapes, id = 'described'): Checkpoint {
  const source: ByteSource = {
    name: id,
    size: Number.MAX_SAFE_INTEGER,
    read: () =>
      Promise.reject(new Error(`${id} has no bytes: a graph was to be built without them`)),
  };
  let byteOffset = 0;
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shape] of Object.entries(shapes)) {
    const byteLength = elementCount(shape) * BYTES_PER_ELEMENT.float16;
    tensors.set(name, { name, dtype: 'float16', shape, source, byteOffset, byteLength });
    byteOffset += byteLength;
  }
  return { id, tensors };
}

const fullsize = await openFullsize(readGolden);

/** The config.json of a component of `fullsize.json`, and the shapes of its tensors. */
export function describedComponent(name: string): {
  config: Record<string, unknown>;
  shapes: Shapes;
} {
  const { config, tensors } = fullsize.golden.json.components[name]!;
  const shapes = Object.entries(tensors).map(([tensor, [shape]]) => [tensor, shape] as const);
  return { config, shapes: Object.fromEntries(shapes) };
}
