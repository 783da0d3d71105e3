/**
 * Sums of arrays with factors, in one pass over memory: a loop written out for each number of terms, since a loop over
 * the terms within the one over the numbers takes three to four times as long (`npm run bench -- sampler-step`).
 */

/** Factors, in f64. */
type Factors = readonly number[];
type Loop = (output: Float32Array, arrays: readonly Float32Array[], factors: Factors) => void;

/** By number of terms, of which samplers with guidance have six at most. */
const LOOPS: Record<number, Loop> = {
  1: (y, [a], [p]) => {
    for (let i = 0; i < y.length; i++) y[i] = p! * a![i]!;
  },
  2: (y, [a, b], [p, q]) => {
    for (let i = 0; i < y.length; i++) y[i] = p! * a![i]! + q! * b![i]!;
  },
  3: (y, [a, b, c], [p, q, r]) => {
    for (let i = 0; i < y.length; i++) y[i] = p! * a![i]! + q! * b![i]! + r! * c![i]!;
  },
  4: (y, [a, b, c, d], [p, q, r, s]) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = p! * a![i]! + q! * b![i]! + r! * c![i]! + s! * d![i]!;
    }
  },
  5: (y, [a, b, c, d, e], [p, q, r, s, t]) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = p! * a![i]! + q! * b![i]! + r! * c![i]! + s! * d![i]! + t! * e![i]!;
    }
  },
  6: (y, [a, b, c, d, e, f], [p, q, r, s, t, u]) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = p! * a![i]! + q! * b![i]! + r! * c![i]! + s! * d![i]! + t! * e![i]! + u! * f![i]!;
    }
  },
};

const anyNumber: Loop = (output, arrays, factors) => {
  for (let i = 0; i < output.length; i++) {
    let total = 0;
    for (let k = 0; k < arrays.length; k++) total += factors[k]! * arrays[k]![i]!;
    output[i] = total;
  }
};

/** `output = sum of factor · array`, formed in f64 and rounded once; all arrays are as long as `output`. */
export function weightedSum(
  output: Float32Array,
  arrays: readonly Float32Array[],
  factors: Factors,
): void {
  const loop = LOOPS[arrays.length] ?? anyNumber;
  loop(output, arrays, factors);
}
