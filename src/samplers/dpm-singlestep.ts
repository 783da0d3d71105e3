/**
 * DPM-Solver and DPM-Solver++, singlestep: Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic
 * Model Sampling in Around 10 Steps" (2022), algorithms 1 and 2, and "DPM-Solver++" (2022), algorithm 1.
 *
 * Matches diffusers' DPMSolverSinglestepScheduler: blocks of one, two, three evaluations, of which each
 * later one starts again from the block's first sample; and steps that would multiply noise by 0 draw none.
 * Limitation: no clipped lambdas, no flow matching.
 */

import type { ConfigReader, JsonConfig } from '../util/config-reader.ts';
import { sum, zero, type Combination } from './algebra.ts';
import {
  advance,
  dpmConfig,
  lambdaOf,
  limitOf,
  slope,
  transition,
  wordOf,
  type DpmConfig,
  type Model,
  type Word,
} from './dpm-solver.ts';
import { finalSigma, multistepPlan, multistepSchedule } from './multistep-schedule.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { levelOfSigma } from './sigmas.ts';

/** DPM-Solver(++), singlestep. */
export const dpmSinglestep = { plan };

/** Options of its siblings that it does not have: its timesteps are always on a line. */
const LACKING = [
  'timestep_spacing',
  'steps_offset',
  'rescale_betas_zero_snr',
  'sigma_min',
  'sigma_max',
];

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('DPMSolverSinglestepScheduler', config, ...LACKING);
  const type = predictionType(json);
  const dpm = dpmConfig(json);
  const { timesteps, sigmas } = multistepSchedule(json, {
    table: alphasCumprod(noiseTableConfig(json)),
    steps: request.steps,
    final: finalSigma(json),
  });
  const n = timesteps.length;
  const begin = firstStep(request);
  const orders = blockOrders(json, dpm, n);

  function* sample(start: Combination): Sampling {
    let x = start;
    let base = start; // of the block
    let history: readonly Combination[] = []; // newest first
    for (let i = begin; i < n; i++) {
      const output = yield* evaluate(x, timesteps[i]!);
      const seen = predict(type, x, output, levelOfSigma(sigmas[i]!));
      const models = [wordOf(dpm.algorithm, seen), ...history].map((value, k): Model => ({
        value,
        lambda: lambdaOf(sigmas[i - k]!),
      }));

      const order = Math.min(models.length, orders[i]!);
      if (order === 1) base = x;
      const ends = [sigmas[i + 1 - order]!, sigmas[i + 1]!] as const;
      let next = limitOf(ends, x, seen.original);
      if (next === undefined) {
        const t = transition(dpm.algorithm, ...ends);
        const known = differences(dpm, t.h, models.slice(0, order).reverse());
        next = sum([1, advance(dpm, t, base, known)], [1, yield* noise(t.spread)]);
      }
      const kept = models.slice(0, dpm.order - 1).map(({ value }) => value);
      [x, base, ...history] = yield* step([next, base, ...kept], seen.original);
    }
    return x;
  }

  return multistepPlan(request, { timesteps, sigmas }, begin, sample);
}

/** The order of each step: 1, 2, 1, 2 ... or 1, 2, 3, 1, 2, 3 ..., ending low. */
function blockOrders(json: ConfigReader, { order }: DpmConfig, n: number): number[] {
  const isZero = finalSigma(json) === 'zero';
  const isLowered = json.boolean('lower_order_final', false) && n % order === 0;
  const orders = Array.from({ length: n }, (_, i) => 1 + (i % order));
  if (isZero || isLowered) orders[n - 1] = 1;
  return orders;
}

/** The oldest word, where the block starts, and its differences; `models` are oldest first. */
function differences({ type }: DpmConfig, h: number, [m0, m1, m2]: readonly Model[]): Word {
  if (m0 === undefined || m1 === undefined) return { base: m0?.value ?? zero };
  const near = slope(h, m1, m0);
  if (m2 === undefined) return { base: m0.value, first: near };
  const far = slope(h, m2, m0);
  if (type === 'midpoint') return { base: m0.value, first: far, second: zero };
  const [r1, r2] = [(m1.lambda - m0.lambda) / h, (m2.lambda - m0.lambda) / h];
  const half = sum([1 / (r2 - r1), far], [-1 / (r2 - r1), near]);
  return { base: m0.value, first: sum([1, near], [-r1, half]), second: half.times(2) };
}
