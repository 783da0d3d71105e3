/**
 * Sums of arrays as anyone would write them by hand: a loop for each number of terms.
 */

type Loop = (output: Float32Array, arrays: readonly Float32Array[]) => void;

const [A, B, C, D, E, F] = [0.9, -0.3, 0.5, 0.2, -0.1, 0.7] as const;

const LOOPS: Record<number, Loop> = {
  1: (output, [a]) => {
    for (let i = 0; i < output.length; i++) output[i] = A * a![i]!;
  },
  2: (output, [a, b]) => {
    for (let i = 0; i < output.length; i++) output[i] = A * a![i]! + B * b![i]!;
  },
  3: (output, [a, b, c]) => {
    for (let i = 0; i < output.length; i++) output[i] = A * a![i]! + B * b![i]! + C * c![i]!;
  },
  4: (output, [a, b, c, d]) => {
    for (let i = 0; i < output.length; i++) {
      output[i] = A * a![i]! + B * b![i]! + C * c![i]! + D * d![i]!;
    }
  },
  5: (output, [a, b, c, d, e]) => {
    for (let i = 0; i < output.length; i++) {
      output[i] = A * a![i]! + B * b![i]! + C * c![i]! + D * d![i]! + E * e![i]!;
    }
  },
  6: (output, [a, b, c, d, e, f]) => {
    for (let i = 0; i < output.length; i++) {
      output[i] = A * a![i]! + B * b![i]! + C * c![i]! + D * d![i]! + E * e![i]! + F * f![i]!;
    }
  },
};

/** Terms that {@link plainSum} can add. */
export const MOST_TERMS = Object.keys(LOOPS).length;

/** `output = sum of factor · array` over as many arrays as are given, 1 to {@link MOST_TERMS}. */
export function plainSum(output: Float32Array, arrays: readonly Float32Array[]): void {
  const loop = LOOPS[arrays.length];
  if (loop === undefined) throw new RangeError(`no loop for ${arrays.length} terms`);
  loop(output, arrays);
}
