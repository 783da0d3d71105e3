/**
 * DPM-Solver and DPM-Solver++, multistep: Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of
 * Diffusion Probabilistic Models" (2022), algorithm 2 and appendix A; the SDE variants are of section 5.
 *
 * Matches diffusers' DPMSolverMultistepScheduler, except that a step whose noise would be multiplied by 0
 * draws none. Limitation: no clipped lambdas, no flow matching.
 */

import type { JsonConfig } from '../util/config-reader.ts';
import { sum, zero, type Combination } from './algebra.ts';
import {
  advance,
  dpmConfig,
  lambdaOf,
  limitOf,
  loweredOrder,
  slope,
  transition,
  wordOf,
  type Model,
  type Word,
} from './dpm-solver.ts';
import { finalSigma, multistepPlan, multistepSchedule } from './multistep-schedule.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { levelOfSigma, sigmaRamp } from './sigmas.ts';

/** DPM-Solver(++), multistep: DPM++ 2M and its kin. */
export const dpmMultistep = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('DPMSolverMultistepScheduler', config, 'sigma_min', 'sigma_max');
  const type = predictionType(json);
  const dpm = dpmConfig(json);
  const table = noiseTableConfig(json);
  const final = finalSigma(json);
  // Lu's lambdas are evenly spread, as those of exponential sigmas.
  const isLu = json.boolean('use_lu_lambdas', false) && !json.boolean('use_karras_sigmas', false);
  const ramp = isLu ? 'exponential' : sigmaRamp(json);
  const { timesteps, sigmas } = multistepSchedule(json, {
    table: alphasCumprod(table),
    steps: request.steps,
    final,
    ramp,
    isRounded: (isLu || ramp === 'karras') && table.betaSchedule !== 'squaredcos_cap_v2',
  });
  const n = timesteps.length;
  const begin = firstStep(request);
  const isEulerAtEnd = json.boolean('euler_at_final', false) || final === 'zero';
  const endOrder = loweredOrder(json, n);

  function* sample(start: Combination): Sampling {
    let x = start;
    let history: readonly Combination[] = []; // newest first
    for (let i = begin; i < n; i++) {
      const ends = [sigmas[i]!, sigmas[i + 1]!] as const;
      const output = yield* evaluate(x, timesteps[i]!);
      const seen = predict(type, x, output, levelOfSigma(ends[0]));
      const models = [wordOf(dpm.algorithm, seen), ...history].map((value, k): Model => ({
        value,
        lambda: lambdaOf(sigmas[i - k]!),
      }));

      const isLast = i === n - 1;
      const order = Math.min(models.length, dpm.order, isLast && isEulerAtEnd ? 1 : endOrder(i));
      let next = limitOf(ends, x, seen.original);
      if (next === undefined) {
        const t = transition(dpm.algorithm, ...ends);
        const known = differences(t.h, models.slice(0, order));
        next = sum([1, advance(dpm, t, x, known)], [1, yield* noise(t.spread)]);
      }
      const kept = models.slice(0, dpm.order - 1).map(({ value }) => value);
      [x, ...history] = yield* step([next, ...kept], seen.original);
    }
    return x;
  }

  return multistepPlan(request, { timesteps, sigmas }, begin, sample);
}

/** The newest word and its differences, for a step that starts there. */
function differences(h: number, [m0, m1, m2]: readonly Model[]): Word {
  if (m0 === undefined || m1 === undefined) return { base: m0?.value ?? zero };
  const d = slope(h, m0, m1);
  if (m2 === undefined) return { base: m0.value, first: d };
  const older = slope(h, m1, m2);
  const [r0, r1] = [(m0.lambda - m1.lambda) / h, (m1.lambda - m2.lambda) / h];
  const second = sum([1 / (r0 + r1), d], [-1 / (r0 + r1), older]);
  return { base: m0.value, first: sum([1, d], [r0, second]), second };
}
