/**
 * Inversion: DDIM run backwards, from a picture to the noise that DDIM would make it of. Song, Meng and Ermon,
 * "Denoising Diffusion Implicit Models" (2020), section 5.4.
 *
 * As a sampler it inverts the given picture as far as `strength` says, without a prompt, and then draws from there with
 * DDIM and the prompt, which keeps more of the picture than noise would. Without a picture it is DDIM.
 *
 * As upstream, it matches diffusers' DDIMInverseScheduler: it stops when the noise is found. Limitation: latents are
 * never clipped (`clip_sample`).
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { ddim } from './ddim.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type Mixture, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { spacedTimesteps, spacingConfig } from './timesteps.ts';

/** DDIM's inversion. */
export const ddimInverse = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const { steps, strength, asUpstream = false } = request;
  const isFromNoise = strength === undefined;
  if (isFromNoise && !asUpstream) return ddim.plan(config, { steps });
  const json = new ConfigReader('DDIMInverseScheduler', config);
  const type = predictionType(json);
  const table = noiseTableConfig(json);
  const spaced = spacedTimesteps('whole', spacingConfig(json, 'leading'), steps);
  const timesteps = spaced.slice(firstStep(request)).reverse(); // noise grows
  const stride = Math.floor(table.trainSteps / steps);

  const alphas = alphasCumprod(table);
  // Without any noise a predicted picture says nothing about it.
  const isClean = json.boolean('set_alpha_to_one', true) && type !== 'sample';
  const levelAt = (t: number) => levelOfAlpha(t < 0 ? (isClean ? 1 : alphas[0]!) : alphas[t]!);

  function* invert(start: Combination): Sampling {
    let x = start;
    for (const t of timesteps) {
      const output = yield* evaluate(x, t, asUpstream);
      const { original, noise } = predict(type, x, output, levelAt(t - stride));
      const { a, s } = levelAt(t);
      [x] = yield* step([sum([a, original], [s, noise])], original);
    }
    return x;
  }

  const noised = (done: number): Mixture => {
    if (done === 0) return { picture: 1, noise: 0 };
    const { a, s } = levelAt(timesteps[done - 1]!);
    return { picture: a, noise: s };
  };
  const start = isFromNoise ? { picture: 0, noise: 1 } : noised(0);
  if (asUpstream) return { timesteps, steps: timesteps.length, start, noised, sample: invert };
  const back = ddim.plan(config, { steps, strength });
  return {
    timesteps: [...timesteps, ...back.timesteps],
    steps: timesteps.length + back.steps,
    start,
    noised: (done) =>
      done < timesteps.length ? noised(done) : back.noised(done - timesteps.length),
    *sample(picture) {
      return yield* back.sample(yield* invert(picture));
    },
  };
}
