/**
 * Numbers that the self-check computes with: the same everywhere, without a file.
 */

import type { Checkpoint, TensorEntry } from '../../weights/checkpoint.ts';
import { bufferSource } from '../../weights/byte-source.ts';
import { elementCount } from '../../tensor/dtype.ts';

/** Element `index` of the array of this seed: a multiple of 2^-7 in (-1, 1), exact in f16. */
export function value(seed: number, index: number): number {
  let x = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca77);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x ^= x >>> 13;
  return ((x >>> 24) - 127.5) / 128;
}

/** An array of `count` such numbers times `scale`. */
export function values(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const result = new Float32Array(count);
  for (let i = 0; i < count; i++) result[i] = value(seed, i) * scale;
  return result;
}

/** A tensor of the self-check's own checkpoint. */
export type ProbeTensor = {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
};

/** A checkpoint over arrays in memory. */
export function memoryCheckpoint(
  id: string,
  tensors: Readonly<Record<string, ProbeTensor>>,
): Checkpoint {
  const entries = Object.entries(tensors).map(([name, { shape, data }]): [string, TensorEntry] => {
    if (elementCount(shape) !== data.length)
      throw new RangeError(`${name} does not fill its shape`);
    const source = bufferSource(new Uint8Array(data.buffer), name);
    return [
      name,
      { name, dtype: 'float32', shape, source, byteOffset: 0, byteLength: data.byteLength },
    ];
  });
  return { id, tensors: new Map(entries) };
}
