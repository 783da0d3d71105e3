/**
 * The number formats that weights and activations come in, by the names ONNX uses.
 */

/** Formats that a checkpoint may store: `float32`, `float16` and `bfloat16` are little-endian IEEE-style floats. */
export type StorageDtype = 'float32' | 'float16' | 'bfloat16';

/** Formats that a graph computes in. */
export type FloatDtype = 'float32' | 'float16';

/** Every element format a graph value may have. */
export type Dtype = FloatDtype | 'uint8' | 'int32' | 'int64' | 'bool';

/** Bytes of one element of each format. */
export const BYTES_PER_ELEMENT = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
} as const satisfies Record<Dtype | StorageDtype, number>;

/** The product of `dims`; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
