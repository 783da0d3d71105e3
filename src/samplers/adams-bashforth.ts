/**
 * Adams and Bashforth's linear multistep method over equal steps.
 */

import { sum, type Combination } from './algebra.ts';

/** Weights by order, newest first. */
const WEIGHTS = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
] as const;

/** Derivatives that the method uses at most. */
export const ADAMS_BASHFORTH_ORDER = WEIGHTS.length;

/** The derivative to take for a step, by those at its start and before: one to four of them, newest first. */
export function extrapolated(derivatives: readonly Combination[]): Combination {
  const weights = WEIGHTS[derivatives.length - 1]!;
  return sum(...derivatives.map((each, k) => [weights[k]!, each] as const));
}
