/**
 * What a sampler is to those who use one: it turns a checkpoint's scheduler_config.json and a request into
 * a plan, and the plan runs.
 */

import { EngineError } from '../errors.ts';
import type { JsonConfig } from '../util/config-reader.ts';
import type { Combination } from './algebra.ts';
import type { Level } from './noise-table.ts';
import type { Sampling } from './sampling.ts';

/** What a run is asked to do. */
export type SamplingRequest = {
  /** Number of denoising steps, at least 1. */
  readonly steps: number;
  /**
   * How far a given picture is taken back to noise, 0 to 1, as in image-to-image: the run starts so much
   * before its end. Undefined: no picture, start from pure noise.
   */
  readonly strength?: number | undefined;
  /** DDIM's share of fresh noise, 0 (none) to 1 (as DDPM); other samplers ignore it. Default 0. */
  readonly eta?: number | undefined;
  /** Noise added and taken away again in each step, by samplers that can (Euler, KarrasVe). Default: the sampler's. */
  readonly churn?: Churn | undefined;
  /**
   * Whether to do as diffusers does even where that spoils latent pictures: IPNDM, KarrasVe and ScoreSdeVe
   * on scales of their own, LMS and PNDM in image-to-image. Default false.
   */
  readonly asUpstream?: boolean | undefined;
};

/** Karras et al. (2022), algorithm 2: how much noise is added in a step, and where. */
export type Churn = {
  /** S_churn: the whole run's relative increase of sigma, 0 or more; a step's is at most 41 %. */
  readonly amount: number;
  /** S_tmin: the smallest sigma at which noise is added. Default 0. */
  readonly from?: number | undefined;
  /** S_tmax: the largest one. Default infinity. */
  readonly to?: number | undefined;
  /** S_noise: the standard deviation of the noise, about 1. Default 1. */
  readonly noise?: number | undefined;
};

/** A mixture of a given picture's latents and noise. */
export type Mixture = { readonly picture: number; readonly noise: number };

/** A run, planned: everything that is known before it starts. */
export type SamplingPlan = {
  /** What the network will be evaluated at: one entry an evaluation, in order. A step takes one or more. */
  readonly timesteps: readonly number[];
  /** The noise-to-picture ratios that steps lead between, one more than steps; only for samplers that work on them. */
  readonly sigmas?: readonly number[];
  /** How often the end of a step will be marked; 0 when `strength` leaves nothing to do. */
  readonly steps: number;
  /** What the first sample is made of. */
  readonly start: Mixture;
  /** How noisy a picture is when this many steps are done; at the end it is the picture itself. Inpainting pastes that. */
  readonly noised: (stepsDone: number) => Mixture;
  /** The sampler, from a first sample on. To be run once a call. */
  readonly sample: (start: Combination) => Sampling;
};

/** A way to sample. */
export type Sampler = {
  /** Plans a run; refuses what it cannot do with EngineError `unsupported`, `invalid-argument` or `model-malformed`. */
  readonly plan: (config: JsonConfig, request: SamplingRequest) => SamplingPlan;
};

const CLEAN: Mixture = { picture: 1, noise: 0 };

/** The index of the first step of `steps` that a request takes: 0 without a strength, `steps` when none is left. */
export function firstStep({ steps, strength }: SamplingRequest): number {
  if (strength === undefined) return 0;
  if (!(strength >= 0 && strength <= 1)) {
    throw new EngineError('invalid-argument', `strength must be from 0 to 1, got ${strength}.`);
  }
  return steps - Math.floor(steps * strength);
}

/** {@link SamplingPlan.start} and {@link SamplingPlan.noised}, of a run from step `begin` on. */
export function mixtures(
  { steps, strength }: SamplingRequest,
  begin: number,
  { initial, at }: { initial: number; at: (step: number) => Level },
): Pick<SamplingPlan, 'start' | 'noised' | 'steps'> {
  const noised = (done: number): Mixture => {
    if (begin + done >= steps) return CLEAN;
    const { a, s } = at(begin + done);
    return { picture: a, noise: s };
  };
  return {
    steps: steps - begin,
    noised,
    start: strength === undefined ? { picture: 0, noise: initial } : noised(0),
  };
}
