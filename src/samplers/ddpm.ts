/**
 * DDPM: Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models" (2020), algorithm 2 with equation 7,
 * over some of the training timesteps.
 *
 * Matches diffusers' DDPMScheduler, except that the last step, which would multiply its noise by 1e-10,
 * draws none. Limitations: latents are never clipped (`clip_sample`), variances are not learned.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { spacedTimesteps, spacingConfig } from './timesteps.ts';

/** DDPM, the ancestral sampler over timesteps. */
export const ddpm = { plan };

/** The variance of a step's noise: the least it can be, or the most (`log` is only another way to store it). */
const VARIANCES = ['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log'] as const;

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('DDPMScheduler', config);
  const type = predictionType(json);
  const variance = json.choice('variance_type', VARIANCES, 'fixed_small');
  const timesteps = spacedTimesteps('whole', spacingConfig(json, 'leading'), request.steps);
  const alphas = alphasCumprod(noiseTableConfig(json));
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const t = timesteps[i]!;
      const [product, productNext] = [alphas[t]!, alphas[timesteps[i + 1] ?? -1] ?? 1];
      const alpha = product / productNext;
      const beta = 1 - alpha;
      const least = ((1 - productNext) / (1 - product)) * beta;
      const sigma = t === 0 ? 0 : Math.sqrt(variance.startsWith('fixed_small') ? least : beta);

      const output = yield* evaluate(x, t);
      const { original } = predict(type, x, output, levelOfAlpha(product));
      const next = sum(
        [(Math.sqrt(productNext) * beta) / (1 - product), original],
        [(Math.sqrt(alpha) * (1 - productNext)) / (1 - product), x],
        [1, yield* noise(sigma)],
      );
      [x] = yield* step([next], original);
    }
    return x;
  }

  return {
    timesteps: timesteps.slice(begin),
    ...mixtures(request, begin, {
      initial: 1,
      at: (i) => levelOfAlpha(alphas[timesteps[i]!]!),
    }),
    sample,
  };
}
