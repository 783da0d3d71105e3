/**
 * Euler's method: `sample_euler` of Katherine Crowson's k-diffusion, which is algorithm 2 of Karras et al.,
 * "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), without its second-order part.
 *
 * Matches diffusers' EulerDiscreteScheduler, whose churn is odd: noise is added after the network has looked,
 * so that it judges the sample before, at the sigma before. Limitation: sigmas lie on lines between those of
 * the table (`interpolation_type` linear), and the network is told timesteps (`timestep_type` discrete).
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { churned, churnNoise } from './churn.ts';
import { predictionType, type Prediction, type PredictionType } from './prediction.ts';
import type { SamplingPlan, SamplingRequest } from './sampler.ts';
import { noise, step, type Sampling } from './sampling.ts';
import { denoise, sigmaPlan, sigmaSchedule } from './sigma-schedule.ts';

/** Euler, deterministic unless `churn` is set. */
export const euler = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('EulerDiscreteScheduler', config);
  json.only('interpolation_type', 'linear');
  json.only('timestep_type', 'discrete');
  const type = predictionType(json);
  const ends = { min: json.optionalNumber('sigma_min'), max: json.optionalNumber('sigma_max') };
  const plain = sigmaSchedule(json, request, { ends });
  const final = json.choice('final_sigmas_type', ['zero', 'sigma_min'], 'zero');
  const sigmas = [...plain.sigmas.slice(0, -1), final === 'zero' ? 0 : plain.table.min];
  const { timesteps, begin } = plain;
  const churn = request.churn ?? { amount: 0 };
  const hats = sigmas.map((sigma) => churned(sigma, churn, timesteps.length));

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const [sigma, hat, sigmaNext] = [sigmas[i]!, hats[i]!, sigmas[i + 1]!];
      const seen = yield* denoise(type, x, { sigma, timestep: timesteps[i]! });
      const added = yield* noise(churnNoise(sigma, hat, churn));
      const xHat = sum([1, x], [1, added]);
      const d = hat === sigma ? seen.noise : raised(type, seen, { sigma, hat, xHat, added });
      [x] = yield* step([sum([1, xHat], [sigmaNext - hat, d])], seen.original);
    }
    return x;
  }

  return sigmaPlan(request, { ...plain, sigmas }, { evaluated: timesteps.slice(begin), sample });
}

/** What was seen at `sigma` as the derivative at `hat`, whither `added` led: three ways, as diffusers has them. */
function raised(
  type: PredictionType,
  { original, noise: d }: Prediction,
  {
    sigma,
    hat,
    xHat,
    added,
  }: { sigma: number; hat: number; xHat: Combination; added: Combination },
): Combination {
  if (type === 'epsilon') return d;
  const share = type === 'v_prediction' ? 1 / (sigma ** 2 + 1) : 0;
  return sum([1 / hat, xHat], [-1 / hat, original], [-share / hat, added]);
}
