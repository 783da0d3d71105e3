/**
 * Seeds of random number generators.
 */

import { EngineError } from '../errors.ts';

/** Any integer; of a `number` only safe ones. Generators take it modulo 2^64, negative ones as two's complement. */
export type Seed = number | bigint;

/** The seed; throws EngineError `invalid-argument` for a number that is no safe integer. */
export function checkedSeed(seed: Seed): Seed {
  if (typeof seed === 'bigint' || Number.isSafeInteger(seed)) return seed;
  throw new EngineError('invalid-argument', `a seed must be an integer, got ${seed}`);
}
