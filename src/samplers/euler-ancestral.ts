/**
 * Euler's method with fresh noise in every step: `sample_euler_ancestral` of Katherine Crowson's
 * k-diffusion, after the ancestral sampling of Song et al., "Score-Based Generative Modeling through
 * Stochastic Differential Equations" (2020), appendix F.
 *
 * Matches diffusers' EulerAncestralDiscreteScheduler, except that the last step, which would multiply its
 * noise by 0, draws none.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { predictionType } from './prediction.ts';
import type { SamplingPlan, SamplingRequest } from './sampler.ts';
import { noise, step, type Sampling } from './sampling.ts';
import { denoise, sigmaPlan, sigmaSchedule } from './sigma-schedule.ts';

/** Euler ancestral. */
export const eulerAncestral = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('EulerAncestralDiscreteScheduler', config);
  const type = predictionType(json);
  const schedule = sigmaSchedule(json, request, { hasRamps: false });
  const { timesteps, sigmas, begin } = schedule;

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const [sigma, sigmaNext] = [sigmas[i]!, sigmas[i + 1]!];
      const { up, down } = ancestral(sigma, sigmaNext);

      const at = { sigma, timestep: timesteps[i]! };
      const { original, noise: d } = yield* denoise(type, x, at);
      const next = sum([1, x], [down - sigma, d], [1, yield* noise(up)]);
      [x] = yield* step([next], original);
    }
    return x;
  }

  return sigmaPlan(request, schedule, { evaluated: timesteps.slice(begin), sample });
}

/** How a step to a sigma is split: deterministically `down` to below it, and back `up` with fresh noise. */
export function ancestral(sigma: number, sigmaNext: number): { up: number; down: number } {
  const up = Math.sqrt((sigmaNext ** 2 * (sigma ** 2 - sigmaNext ** 2)) / sigma ** 2);
  return { up, down: Math.sqrt(sigmaNext ** 2 - up ** 2) };
}
