/**
 * How a graph wants a checkpoint tensor laid out in memory.
 *
 * A checkpoint stores what PyTorch stores: `[out, in]` for linear layers, `[out, in, kh, kw]` for
 * convolutions. Graphs may want something else, and the weight store converts once, while loading.
 */

import type { Dtype, FloatDtype } from '../tensor/dtype.ts';

/**
 * - `stored`: as the file has it.
 * - `transposed`: a matrix `[out, in]` (trailing dimensions of 1 are dropped, so that a 1x1
 *   convolution counts as a matrix) becomes `[in, out]`, which a plain MatMul takes.
 * - `quantised8`, `quantised4`: such a matrix as whole numbers of 8 or 4 bits, with a scale for every
 *   {@link BLOCK} of a row; see quantise.ts.
 */
export type WeightLayout = 'stored' | 'transposed' | QuantisedLayout;

/** The layouts that take two arrays: codes and scales. */
export type QuantisedLayout = 'quantised8' | 'quantised4';

/** Bits of a weight in a quantised layout. */
export type QuantisedBits = 8 | 4;

/** One of the arrays that a tensor is laid out as. */
export type LaidOutArray = { readonly dtype: Dtype; readonly dims: readonly number[] };

/** Neighbours in a row of a quantised matrix that share a scale. */
export const BLOCK = 32;

/** Whether weights are whole numbers in `layout`. */
export function isQuantised(layout: WeightLayout): layout is QuantisedLayout {
  return layout === 'quantised8' || layout === 'quantised4';
}

/** Bits of a weight in `layout`. */
export function quantisedBits(layout: QuantisedLayout): QuantisedBits {
  return layout === 'quantised8' ? 8 : 4;
}

/** Whether a tensor of `shape` is a matrix whose rows are made of whole blocks. */
export function canQuantise(shape: readonly number[]): boolean {
  const [rows, columns, ...rest] = shape;
  return rows !== undefined && columns !== undefined && isMatrix(rest) && columns % BLOCK === 0;
}

/**
 * The arrays that a tensor of `shape` is laid out as, in a graph that computes in `dtype`: one, or codes
 * `[out, in / 32, bytes of 32 codes]` and scales `[out, in / 32]`.
 *
 * @throws RangeError when the tensor cannot be laid out so.
 */
export function laidOutArrays(
  shape: readonly number[],
  { dtype, layout }: { readonly dtype: FloatDtype; readonly layout: WeightLayout },
): readonly [LaidOutArray, ...LaidOutArray[]] {
  if (!isQuantised(layout)) return [{ dtype, dims: laidOutShape(shape, layout) }];
  if (!canQuantise(shape)) {
    throw new RangeError(
      `only a matrix with rows of a multiple of ${BLOCK} can be quantised, not a tensor of shape [${shape.join(', ')}]`,
    );
  }
  const [rows = 0, columns = 0] = shape;
  const blocks = columns / BLOCK;
  return [
    { dtype: 'uint8', dims: [rows, blocks, (BLOCK * quantisedBits(layout)) / 8] },
    { dtype, dims: [rows, blocks] },
  ];
}

function laidOutShape(
  shape: readonly number[],
  layout: Exclude<WeightLayout, QuantisedLayout>,
): readonly number[] {
  if (layout === 'stored') return [...shape];
  const [rows, columns, ...rest] = shape;
  if (rows === undefined || columns === undefined || !isMatrix(rest)) {
    throw new RangeError(
      `only a matrix can be transposed, not a tensor of shape [${shape.join(', ')}]`,
    );
  }
  return [columns, rows];
}

function isMatrix(trailing: readonly number[]): boolean {
  return trailing.every((dim) => dim === 1);
}
