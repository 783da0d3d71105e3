/**
 * What a sampler and its driver say to each other.
 *
 * A sampler is a generator: it yields requests, in which it names each result before a driver has it,
 * and goes on as if it were there. Only lengths come back as numbers. So a sampler is a program of a few
 * instructions over linear combinations, which runs anywhere and can be read as text.
 *
 * It says at the end of each step what it carries on. Everything else may be forgotten then: no
 * combination of older quantities may be used any more, so memory is bounded and known. A step may evaluate
 * the network any number of times, at any timesteps.
 */

import { just, zero, type Combination, type Quantity } from './algebra.ts';

/** What a sampler asks of its driver. */
export type Request =
  /**
   * Run the network on `input`, already scaled as it expects, and call what it says `output`: with guidance, or as if there
   * were no prompt.
   */
  | {
      readonly kind: 'evaluate';
      readonly input: Combination;
      readonly timestep: number;
      readonly isGuided: boolean;
      readonly output: Quantity;
    }
  /** Draw fresh standard normals and call them `output`. */
  | { readonly kind: 'noise'; readonly output: Quantity }
  /** Reply with the Euclidean lengths of combinations, those of each picture of the batch. */
  | { readonly kind: 'norms'; readonly of: readonly Combination[] }
  /** Call `output` the combination `of`, each picture of the batch times a factor of its own. */
  | {
      readonly kind: 'scale';
      readonly of: Combination;
      readonly factors: readonly number[];
      readonly output: Quantity;
    }
  /** A step is done: compute what is carried on, the sample first, and forget everything else. */
  | {
      readonly kind: 'step';
      readonly carried: readonly { readonly value: Combination; readonly name: Quantity }[];
      /** The picture as it was seen in this step, for previews; in quantities from before the step. */
      readonly original: Combination;
    };

/** What a driver hands to `next()`: where norms were asked for, a list of the pictures' for each; else undefined. */
export type Reply = readonly (readonly number[])[] | undefined;

/** A running sampler, or a part of one. */
export type Sampling<Result = Combination> = Generator<Request, Result, Reply>;

/** What the network says about `input` at `timestep`; `isGuided` false: as if there were no prompt. */
export function* evaluate(input: Combination, timestep: number, isGuided = true): Sampling {
  const output: Quantity = { label: `output(${Number(timestep.toPrecision(6))})` };
  yield { kind: 'evaluate', input, timestep, isGuided, output };
  return just(output);
}

/** Fresh noise times `deviation`; nothing is drawn when that is 0. */
export function* noise(deviation: number): Sampling {
  if (deviation === 0) return zero;
  const output: Quantity = { label: 'noise' };
  yield { kind: 'noise', output };
  return just(output).times(deviation);
}

/** The Euclidean lengths of combinations: a list of the batch's pictures' for each. */
export function* norms<const Of extends readonly Combination[]>(
  ...of: Of
): Sampling<{ [K in keyof Of]: readonly number[] }> {
  const lengths = yield { kind: 'norms', of };
  if (lengths === undefined) throw new TypeError('a driver did not reply with norms');
  return lengths as { [K in keyof Of]: readonly number[] };
}

/** A combination, each picture of the batch times a factor of its own. */
export function* scaled(of: Combination, factors: readonly number[]): Sampling {
  const output: Quantity = { label: 'scaled' };
  yield { kind: 'scale', of, factors, output };
  return just(output);
}

/** Ends a step: the sample and whatever else is needed later, as names that stay valid until the next one. */
export function* step<const Carried extends readonly [Combination, ...Combination[]]>(
  carried: Carried,
  original: Combination,
): Sampling<{ [K in keyof Carried]: Combination }> {
  const named = carried.map((value, i) => ({
    value,
    name: { label: i === 0 ? 'sample' : `carried${i}` },
  }));
  yield { kind: 'step', carried: named, original };
  return named.map(({ name }) => just(name)) as unknown as {
    [K in keyof Carried]: Combination;
  };
}
