/**
 * DDIM: Song, Meng and Ermon, "Denoising Diffusion Implicit Models" (2020), equations 12 and 16.
 *
 * Matches diffusers' DDIMScheduler, whose previous timestep lies floor(T/n) below, whatever the spacing.
 * Limitation: latents are never clipped (`clip_sample`), as in Stable Diffusion's pipelines.
 */

import { EngineError } from '../errors.ts';
import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { spacedTimesteps, spacingConfig } from './timesteps.ts';

/** DDIM, deterministic unless `eta` is set. */
export const ddim = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('DDIMScheduler', config);
  const type = predictionType(json);
  const table = noiseTableConfig(json);
  const timesteps = spacedTimesteps('whole', spacingConfig(json, 'leading'), request.steps);
  const begin = firstStep(request);
  const stride = Math.floor(table.trainSteps / request.steps);
  const eta = request.eta ?? 0;
  if (!(eta >= 0 && eta <= 1)) {
    throw new EngineError('invalid-argument', `eta must be from 0 to 1, got ${eta}.`);
  }

  const alphas = alphasCumprod(table);
  const finalAlpha = json.boolean('set_alpha_to_one', true) ? 1 : alphas[0]!;
  const alphaAt = (t: number): number => (t < 0 ? finalAlpha : alphas[t]!);

  function* sample(start: Combination): Sampling {
    let x = start;
    for (const t of timesteps.slice(begin)) {
      const [alpha, alphaNext] = [alphaAt(t), alphaAt(t - stride)];
      const sigma = eta * Math.sqrt(((1 - alphaNext) / (1 - alpha)) * (1 - alpha / alphaNext));

      const output = yield* evaluate(x, t);
      const { original, noise: eps } = predict(type, x, output, levelOfAlpha(alpha));
      const next = sum(
        [Math.sqrt(alphaNext), original],
        [Math.sqrt(1 - alphaNext - sigma ** 2), eps],
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
      at: (i) => levelOfAlpha(alphaAt(timesteps[i]!)),
    }),
    sample,
  };
}
