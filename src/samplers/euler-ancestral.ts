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
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { levelOfSigma, SigmaTable } from './sigmas.ts';
import { spacedTimesteps, spacingConfig } from './timesteps.ts';

/** Euler ancestral. */
export const eulerAncestral = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('EulerAncestralDiscreteScheduler', config);
  const type = predictionType(json);
  const spacing = spacingConfig(json, 'linspace');
  const timesteps = spacedTimesteps('sigma', spacing, request.steps);
  const table = new SigmaTable(alphasCumprod(noiseTableConfig(json)));
  const sigmas = [...timesteps.map((t) => table.at(t)), 0];
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start; // x0 + sigma·eps
    for (let i = begin; i < timesteps.length; i++) {
      const [sigma, sigmaNext] = [sigmas[i]!, sigmas[i + 1]!];
      const up = Math.sqrt((sigmaNext ** 2 * (sigma ** 2 - sigmaNext ** 2)) / sigma ** 2);
      const down = Math.sqrt(sigmaNext ** 2 - up ** 2);

      const level = levelOfSigma(sigma);
      const input = x.times(level.a);
      const output = yield* evaluate(input, timesteps[i]!);
      const { original, noise: d } = predict(type, input, output, level); // d = (x - original) / sigma
      const next = sum([1, x], [down - sigma, d], [1, yield* noise(up)]);
      [x] = yield* step([next], original);
    }
    return x;
  }

  const sigmaMax = sigmas[0]!;
  return {
    timesteps: timesteps.slice(begin),
    sigmas: sigmas.slice(begin),
    ...mixtures(request, begin, {
      initial: spacing.spacing === 'leading' ? Math.hypot(sigmaMax, 1) : sigmaMax,
      at: (i) => ({ picture: 1, noise: sigmas[i]! }),
    }),
    sample,
  };
}
