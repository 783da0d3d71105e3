/**
 * The change that a LoRA makes to one weight, in numbers, and its reference computation on the CPU.
 *
 * All kinds come down to few forms, over a weight W seen as a matrix [rows, inputs · kernel] as PyTorch stores it, so that a
 * kernel elsewhere can follow them. Formulas: LyCORIS (https://github.com/KohakuBlueleaf/LyCORIS/blob/main/docs/Algo-Details.md)
 * and, for DoRA, https://arxiv.org/abs/2402.09353.
 */

import { elementCount } from '../../tensor/dtype.ts';

type Numbers = Float32Array<ArrayBuffer>;

/** A matrix, row by row: as it is, or as the product of [rows, rank] and [rank, columns]. */
export type Matrix = { readonly rows: number; readonly columns: number } & (
  | { readonly kind: 'dense'; readonly values: Numbers }
  | {
      readonly kind: 'product';
      readonly rank: number;
      readonly left: Numbers;
      readonly right: Numbers;
    }
);

/** What is added to W, before it is scaled. */
export type DeltaForm =
  /** A matrix: LoRA, LoCon, whole differences. */
  | { readonly kind: 'matrix'; readonly matrix: Matrix }
  /** LoHa: two matrices, element by element. */
  | { readonly kind: 'hadamard'; readonly first: Matrix; readonly second: Matrix }
  /**
   * LoKr: [a, b] ⊗ [c, d · kernel], which is [a·c, b·d · kernel]: element (i·c + p, (j·d + q) · kernel + k) is
   * first(i, j) · second(p, q · kernel + k).
   */
  | { readonly kind: 'kronecker'; readonly first: Matrix; readonly second: Matrix }
  /** IA3: W times a number for each row, or for each input. */
  | { readonly kind: 'scaling'; readonly factors: Numbers; readonly isOnInput: boolean };

/** The change of one weight. */
export type Delta = {
  readonly form: DeltaForm;
  /** What the form counts at strength 1: alpha / rank, or 1. */
  readonly scale: number;
  /**
   * DoRA: the lengths that the changed rows (or, over inputs, columns) are brought to; undefined for none.
   */
  readonly magnitude: { readonly values: Numbers; readonly isOnInput: boolean } | undefined;
};

/** What PyTorch adds to a norm before dividing by it, as LyCORIS does. */
const EPSILON = 2 ** -23;

/**
 * Changes a weight of some shape in place: W + strength · (W' - W), where W' is what the LoRA makes of W at strength 1.
 * Sums are in double precision, rounded once.
 */
export function applyDelta(
  weight: Numbers,
  shape: readonly number[],
  { form, scale, magnitude }: Delta,
  strength: number,
): void {
  const [rows = 1, inputs = 1] = shape;
  const kernel = elementCount(shape.slice(2));
  const change = added(form, weight, { rows, inputs, kernel });
  const factor = magnitude === undefined ? strength * scale : scale;
  const changed = Float64Array.from(weight, (value, i) => value + factor * (change[i] as number));
  if (magnitude === undefined) {
    weight.set(changed);
    return;
  }
  const groupOf = grouping(magnitude.isOnInput, inputs, kernel);
  const squares = new Float64Array(magnitude.values.length);
  for (let i = 0; i < changed.length; i++) {
    const group = groupOf(i);
    squares[group] = (squares[group] as number) + (changed[i] as number) ** 2;
  }
  const stretch = squares.map(
    (square, i) => (magnitude.values[i] as number) / (Math.sqrt(square) + EPSILON),
  );
  for (let i = 0; i < weight.length; i++) {
    const value = weight[i] as number;
    weight[i] =
      value + strength * ((changed[i] as number) * (stretch[groupOf(i)] as number) - value);
  }
}

type Layout = { readonly rows: number; readonly inputs: number; readonly kernel: number };

/** Which row (or input) an element belongs to. */
function grouping(isOnInput: boolean, inputs: number, kernel: number): (index: number) => number {
  return isOnInput
    ? (index) => Math.floor(index / kernel) % inputs
    : (index) => Math.floor(index / (inputs * kernel));
}

function added(
  form: DeltaForm,
  weight: Numbers,
  { inputs, kernel }: Layout,
): Float64Array | Numbers {
  switch (form.kind) {
    case 'matrix':
      return valuesOf(form.matrix);
    case 'hadamard': {
      const second = valuesOf(form.second);
      return Float64Array.from(valuesOf(form.first), (value, i) => value * (second[i] as number));
    }
    case 'kronecker':
      return kronecker(form.first, form.second, kernel);
    case 'scaling': {
      const groupOf = grouping(form.isOnInput, inputs, kernel);
      return Float64Array.from(weight, (value, i) => value * (form.factors[groupOf(i)] as number));
    }
  }
}

function valuesOf(matrix: Matrix): Float64Array | Numbers {
  if (matrix.kind === 'dense') return matrix.values;
  const { rows, columns, rank, left, right } = matrix;
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const out = result.subarray(row * columns, (row + 1) * columns);
    for (let r = 0; r < rank; r++) {
      const factor = left[row * rank + r] as number;
      const line = right.subarray(r * columns, (r + 1) * columns);
      for (let c = 0; c < columns; c++) out[c] = (out[c] as number) + factor * (line[c] as number);
    }
  }
  return result;
}

function kronecker(first: Matrix, second: Matrix, kernel: number): Float64Array {
  const [large, small] = [valuesOf(first), valuesOf(second)];
  const inner = second.columns / kernel;
  const columns = first.columns * inner;
  const result = new Float64Array(first.rows * second.rows * columns * kernel);
  let at = 0;
  for (let row = 0; row < first.rows * second.rows; row++) {
    const [i, p] = [Math.floor(row / second.rows), row % second.rows];
    for (let column = 0; column < columns; column++) {
      const [j, q] = [Math.floor(column / inner), column % inner];
      const factor = large[i * first.columns + j] as number;
      for (let k = 0; k < kernel; k++) {
        result[at++] = factor * (small[p * second.columns + q * kernel + k] as number);
      }
    }
  }
  return result;
}
