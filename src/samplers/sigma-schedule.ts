/**
 * What samplers over sigma share: Katherine Crowson's k-diffusion, as diffusers has it. A sample is
 * x = x0 + sigma·eps, the network sees it divided by sqrt(sigma² + 1), and d = dx/dsigma = (x - x0) / sigma
 * is what it says of the noise: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative
 * Models" (2022), equation 1 with sigma(t) = t.
 *
 * Matches diffusers' timesteps, which may be fractions, and its sigmas, which end in 0.
 */

import type { ConfigReader } from '../util/config-reader.ts';
import type { Combination } from './algebra.ts';
import { alphasCumprod, noiseTableConfig, type NoiseTableDefaults } from './noise-table.ts';
import { predict, type Prediction, type PredictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, type Sampling } from './sampling.ts';
import { levelOfSigma, rampedSigmas, sigmaRamp, SigmaTable } from './sigmas.ts';
import { roundHalfToEven, spacedTimesteps, spacingConfig } from './timesteps.ts';

/** A run over sigma, from its first step on whatever the strength. */
export type SigmaSchedule = {
  /** Timestep of each step's sigma. */
  readonly timesteps: readonly number[];
  /** Sigmas that steps lead between: one more. */
  readonly sigmas: readonly number[];
  /** Index of the step that the run begins with. */
  readonly begin: number;
  /** Standard deviation of the first sample where there is no picture. */
  readonly initial: number;
  /** The way between sigmas and timesteps. */
  readonly table: SigmaTable;
};

/** What differs between samplers. */
export type SigmaScheduleOptions = {
  /** The sampler's own defaults. */
  readonly betas?: NoiseTableDefaults;
  /** Whether Karras', exponential and beta sigmas may take the place of the table's. Default true. */
  readonly hasRamps?: boolean;
  /** Whether timesteps of Karras' sigmas are rounded. Default false. */
  readonly roundsKarras?: boolean;
  /** The ramps' ends, where they are not the sigmas of the first and last timestep. */
  readonly ends?: { readonly min?: number | undefined; readonly max?: number | undefined };
};

/** The betas of those samplers that have Stable Diffusion's range as a default. */
export const LATENT_BETAS: NoiseTableDefaults = {
  betaStart: 0.00085,
  betaEnd: 0.012,
  betaSchedule: 'linear',
};

/** The schedule of a run. */
export function sigmaSchedule(
  json: ConfigReader,
  request: SamplingRequest,
  { betas, hasRamps = true, roundsKarras = false, ends = {} }: SigmaScheduleOptions = {},
): SigmaSchedule {
  const spacing = spacingConfig(json, 'linspace');
  const table = new SigmaTable(alphasCumprod(noiseTableConfig(json, betas)));
  const spaced = spacedTimesteps('sigma', spacing, request.steps);
  const ramp = hasRamps ? sigmaRamp(json) : undefined;
  const plain = spaced.map((t) => table.at(t));
  const sigmas =
    ramp === undefined
      ? plain
      : rampedSigmas(ramp, {
          min: ends.min ?? plain.at(-1)!,
          max: ends.max ?? plain[0]!,
          count: request.steps,
        });
  const looked = ramp === undefined ? spaced : sigmas.map((sigma) => table.timestepOf(sigma));
  const sigmaMax = sigmas[0]!;
  return {
    timesteps: ramp === 'karras' && roundsKarras ? looked.map(roundHalfToEven) : looked,
    sigmas: [...sigmas, 0],
    begin: firstStep(request),
    initial: spacing.spacing === 'leading' ? Math.hypot(sigmaMax, 1) : sigmaMax,
    table,
  };
}

/** What the network says about a sample at a sigma: the picture, and as `noise` the derivative dx/dsigma. */
export function* denoise(
  type: PredictionType,
  x: Combination,
  { sigma, timestep }: { sigma: number; timestep: number },
): Sampling<Prediction> {
  const level = levelOfSigma(sigma);
  const input = x.times(level.a);
  return predict(type, input, yield* evaluate(input, timestep), level);
}

/** The plan of a run over sigma, of which `evaluated` lists the timesteps of all evaluations. */
export function sigmaPlan(
  request: SamplingRequest,
  { sigmas, begin, initial }: Pick<SigmaSchedule, 'sigmas' | 'begin' | 'initial'>,
  { evaluated, sample }: { evaluated: readonly number[]; sample: SamplingPlan['sample'] },
): SamplingPlan {
  return {
    timesteps: evaluated,
    sigmas: sigmas.slice(begin),
    ...mixtures(request, begin, {
      initial,
      at: (i) => ({ a: 1, s: sigmas[i]! }),
    }),
    sample,
  };
}
