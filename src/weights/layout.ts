/**
 * How a graph wants a checkpoint tensor laid out in memory.
 *
 * A checkpoint stores what PyTorch stores: `[out, in]` for linear layers, `[out, in, kh, kw]` for
 * convolutions. Graphs may want something else, and the weight store converts once, while loading.
 */

/**
 * - `stored`: as the file has it.
 * - `transposed`: a matrix `[out, in]` (trailing dimensions of 1 are dropped, so that a 1x1
 *   convolution counts as a matrix) becomes `[in, out]`, which a plain MatMul takes.
 */
export type WeightLayout = 'stored' | 'transposed';

/** The dimensions of a tensor of `shape` once it is laid out as `layout`. */
export function laidOutShape(shape: readonly number[], layout: WeightLayout): number[] {
  if (layout === 'stored') return [...shape];
  const [rows, columns, ...rest] = shape;
  if (rows === undefined || columns === undefined || rest.some((dim) => dim !== 1)) {
    throw new RangeError(
      `only a matrix can be transposed, not a tensor of shape [${shape.join(', ')}]`,
    );
  }
  return [columns, rows];
}
