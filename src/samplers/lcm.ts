/**
 * Latent consistency models: Luo et al., "Latent Consistency Models" (2023), algorithm 3, with the boundary
 * conditions c_skip and c_out of Song et al., "Consistency Models" (2023), appendix C.
 *
 * Matches diffusers' LCMScheduler: its timesteps are some of those that the distillation used, whatever the
 * spacing. Limitation: latents are never clipped (`clip_sample`).
 */

import { EngineError } from '../errors.ts';
import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';

/** LCM: a picture in one to eight steps, by networks distilled for it. */
export const lcm = { plan };

/** Standard deviation of the data, in the consistency models' parametrisation. */
const SIGMA_DATA = 0.5;

const BETAS = { betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear' } as const;

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('LCMScheduler', config);
  const type = predictionType(json);
  const table = noiseTableConfig(json, BETAS);
  const scaling = json.number('timestep_scaling', 10);
  const distilled = json.number('original_inference_steps', 50);
  const timesteps = distilledTimesteps(request.steps, distilled, table.trainSteps);
  const begin = firstStep(request);
  const alphas = alphasCumprod(table);
  const levelAt = (i: number) => levelOfAlpha(alphas[timesteps[i]!]!);

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const t = timesteps[i]! * scaling;
      const cSkip = SIGMA_DATA ** 2 / (t ** 2 + SIGMA_DATA ** 2);
      const cOut = t / Math.hypot(t, SIGMA_DATA);

      const output = yield* evaluate(x, timesteps[i]!);
      const { original } = predict(type, x, output, levelAt(i));
      const denoised = sum([cOut, original], [cSkip, x]);
      const isLast = i === timesteps.length - 1;
      const { a, s } = isLast ? { a: 1, s: 0 } : levelAt(i + 1);
      [x] = yield* step([sum([a, denoised], [1, yield* noise(s)])], denoised);
    }
    return x;
  }

  return {
    timesteps: timesteps.slice(begin),
    ...mixtures(request, begin, {
      initial: 1,
      at: levelAt,
    }),
    sample,
  };
}

/** `steps` of the `distilled` timesteps, evenly spread from the noisiest on. */
function distilledTimesteps(steps: number, distilled: number, trainSteps: number): number[] {
  if (!Number.isInteger(steps) || steps < 1 || steps > distilled) {
    throw new EngineError(
      'invalid-argument',
      `LCM takes a whole number of steps from 1 to ${distilled}, got ${steps}.`,
    );
  }
  const stride = Math.floor(trainSteps / distilled);
  return Array.from({ length: steps }, (_, i) => {
    const index = Math.floor((i * distilled) / steps);
    return (distilled - index) * stride - 1;
  });
}
