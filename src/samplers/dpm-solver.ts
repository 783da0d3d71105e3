/**
 * What the DPM-Solver kind (DPM-Solver, DPM-Solver++, their SDE variants, UniPC, DEIS) has in common.
 *
 * Lu et al., "DPM-Solver" (2022) and "DPM-Solver++" (2022): with lambda = ln(a/s) as time, everything but
 * what the network says can be integrated exactly. What is left is an exponential integral of the network's
 * word, of which its values (and so its differences) at a few lambdas are known.
 */

import { EngineError } from '../errors.ts';
import type { ConfigReader } from '../util/config-reader.ts';
import { sum, zero, type Combination } from './algebra.ts';
import type { Prediction } from './prediction.ts';
import { levelOfSigma } from './sigmas.ts';

/** Whether the network's word is taken as the noise or (++) as the picture, and of what equation: ODE or SDE. */
export type DpmAlgorithm = 'dpmsolver' | 'dpmsolver++' | 'sde-dpmsolver' | 'sde-dpmsolver++';

const ALGORITHMS = ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++'] as const;

/** What a scheduler_config.json says of a DPM-Solver. */
export type DpmConfig = {
  readonly algorithm: DpmAlgorithm;
  /** Outputs that a step is computed from, at most. */
  readonly order: 1 | 2 | 3;
  /** How a difference is weighted at order 2: `heun` integrates it exactly, `midpoint` nearly. */
  readonly type: 'midpoint' | 'heun';
};

/** Fewer steps than this are a short run, whose end is unstable at high orders. */
const SHORT_RUN = 15;

/** What the network said at an earlier lambda, as picture or noise. */
export type Model = { readonly value: Combination; readonly lambda: number };

/**
 * A step from sigma to sigma: x' = kept·x - share·(integral of the network's word) + spread·noise, where the
 * integral is over an exponential that grows by e^z.
 */
export type Transition = {
  readonly kept: number;
  readonly share: number;
  readonly z: number;
  readonly spread: number;
  /** How far lambda goes; infinite to a sigma of 0. */
  readonly h: number;
};

/** The time of these solvers: ln(a/s), which grows as noise falls. Infinite at a sigma of 0. */
export function lambdaOf(sigma: number): number {
  return -Math.log(sigma);
}

/** How many outputs a step is computed from, at most. */
export function solverOrder(json: ConfigReader): 1 | 2 | 3 {
  const order = json.number('solver_order', 2);
  if (order === 1 || order === 2 || order === 3) return order;
  const message = `${json.what}: solver_order must be 1, 2 or 3, got ${order}`;
  throw new EngineError('unsupported', message, {
    detail: { field: 'solver_order', value: order },
  });
}

/** The part of a scheduler_config.json that is about the solver; words of sibling classes stand for the default. */
export function dpmConfig(json: ConfigReader): DpmConfig {
  json.only('use_flow_sigmas', false, null);
  json.only('lambda_min_clipped', null, '-inf', -Infinity);
  // A fixed variance is DDPM's business; a learned one would be half of the output.
  if (String(json.config['variance_type']).startsWith('learned')) json.only('variance_type', null);
  const { solver_type: type, algorithm_type: algorithm } = json.config;
  return {
    order: solverOrder(json),
    type: type === 'heun' ? 'heun' : 'midpoint',
    algorithm:
      algorithm === 'deis'
        ? 'dpmsolver++'
        : json.choice<DpmAlgorithm>('algorithm_type', ALGORITHMS, 'dpmsolver++'),
  };
}

/** The network's word as an algorithm takes it. */
export function wordOf(algorithm: DpmAlgorithm, { original, noise }: Prediction): Combination {
  return algorithm.endsWith('++') ? original : noise;
}

/** The exact part of a step. */
export function transition(
  algorithm: DpmAlgorithm,
  sigmaFrom: number,
  sigmaTo: number,
): Transition {
  const [from, to] = [levelOfSigma(sigmaFrom), levelOfSigma(sigmaTo)];
  const h = lambdaOf(sigmaTo) - lambdaOf(sigmaFrom);
  switch (algorithm) {
    case 'dpmsolver++':
      return { kept: to.s / from.s, share: to.a, z: -h, spread: 0, h };
    case 'sde-dpmsolver++': {
      const kept = (to.s / from.s) * Math.exp(-h);
      return { kept, share: to.a, z: -2 * h, spread: to.s * Math.sqrt(-Math.expm1(-2 * h)), h };
    }
    case 'dpmsolver':
      return { kept: to.a / from.a, share: to.s, z: h, spread: 0, h };
    case 'sde-dpmsolver': {
      const spread = to.s * Math.sqrt(Math.expm1(2 * h));
      return { kept: to.a / from.a, share: 2 * to.s, z: h, spread, h };
    }
  }
}

/** The network's word at the base of a step, and its differences, scaled to the step: h·m' and h²·m''. */
export type Word = {
  readonly base: Combination;
  readonly first?: Combination;
  readonly second?: Combination;
};

/** What a step leads to, but for its noise. */
export function advance(
  { algorithm, type }: Pick<DpmConfig, 'algorithm' | 'type'>,
  { kept, share, z }: Transition,
  x: Combination,
  { base, first = zero, second }: Word,
): Combination {
  const phi1 = Math.expm1(z);
  const isMidpoint = type === 'midpoint' && second === undefined;
  // diffusers adds the half here where the integral has it subtracted.
  const half = algorithm === 'sde-dpmsolver++' ? -1 / 2 : 1 / 2;
  return sum(
    [kept, x],
    [-share * phi1, base],
    [-share * (isMidpoint ? phi1 / 2 : phi1 / z - 1), first],
    [-share * ((phi1 - z) / z ** 2 - half), second ?? zero],
  );
}

/** The slope of the network's word between two lambdas, times `h`. */
export function slope(h: number, a: Model, b: Model): Combination {
  const r = (a.lambda - b.lambda) / h;
  return sum([1 / r, a.value], [-1 / r, b.value]);
}

/** Where a step's formulas have a limit but no value: a sigma of 0 is the picture, the same sigma no step at all. */
export function limitOf(
  [sigmaFrom, sigmaTo]: readonly [number, number],
  x: Combination,
  original: Combination,
): Combination | undefined {
  if (sigmaTo === 0) return original;
  return sigmaTo === sigmaFrom ? x : undefined;
}

/** The highest order at a step of `n`: the last ones of a short run are of lower orders, unless the config objects. */
export function loweredOrder(json: ConfigReader, n: number): (step: number) => number {
  const isLowered = json.boolean('lower_order_final', true) && n < SHORT_RUN;
  return (i) => (isLowered ? n - i : Infinity);
}
