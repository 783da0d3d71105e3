/**
 * Heun's method: algorithm 1 of Karras et al., "Elucidating the Design Space of Diffusion-Based Generative
 * Models" (2022); `sample_heun` of Katherine Crowson's k-diffusion without churn.
 *
 * Matches diffusers' HeunDiscreteScheduler. Limitation: no `exp` beta schedule.
 */

import type { JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { predictionType } from './prediction.ts';
import type { SamplingPlan, SamplingRequest } from './sampler.ts';
import { step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { denoise, LATENT_BETAS, sigmaPlan, sigmaSchedule } from './sigma-schedule.ts';

/** Heun: two evaluations a step, the last one but one. */
export const heun = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('HeunDiscreteScheduler', config, 'rescale_betas_zero_snr');
  const type = predictionType(json);
  const schedule = sigmaSchedule(json, request, { betas: LATENT_BETAS });
  const { timesteps, sigmas, begin } = schedule;

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const [sigma, sigmaNext] = [sigmas[i]!, sigmas[i + 1]!];
      const h = sigmaNext - sigma;
      const at = { sigma, timestep: timesteps[i]! };
      const { original, noise: d } = yield* denoise(type, x, at);
      let next = sum([1, x], [h, d]);
      if (sigmaNext !== 0) {
        const there = { sigma: sigmaNext, timestep: timesteps[i + 1]! };
        const { noise: dNext } = yield* denoise(type, next, there);
        next = sum([1, x], [h / 2, d], [h / 2, dNext]);
      }
      [x] = yield* step([next], original);
    }
    return x;
  }

  // The slope at the end of a step is looked at again as that at the beginning of the next.
  const evaluated = timesteps.slice(begin).flatMap((t, i) => (i === 0 ? [t] : [t, t]));
  return sigmaPlan(request, schedule, { evaluated, sample });
}
