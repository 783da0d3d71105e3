/**
 * Noise levels as sigma, the ratio of noise to picture: x/a = x0 + sigma·eps.
 *
 * Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), equation 5, for
 * the schedule with rho; Lee et al., "Beta Sampling is All You Need" (2024), for the beta distribution's.
 *
 * Matches diffusers, which looks sigmas up at the timesteps, or replaces them and looks timesteps up.
 */

import { EngineError } from '../errors.ts';
import type { ConfigReader } from '../util/config-reader.ts';
import { inverseBetaCdf } from './beta-distribution.ts';
import type { Level } from './noise-table.ts';
import { linspace } from './timesteps.ts';

/** What takes the place of the sigmas at a run's timesteps. */
export type SigmaRamp = 'karras' | 'exponential' | 'beta';

const RHO = 7;
/** Both parameters of the beta distribution that timesteps follow. */
const BETA_SHAPE = 0.6;
/** The squared share of the picture that is left, for finite sigmas, where a rescaled table has none. */
const TINIEST_ALPHA = 2 ** -24;

/** The ramp that a scheduler_config.json asks for. */
export function sigmaRamp(json: ConfigReader): SigmaRamp | undefined {
  const ramps = (['karras', 'exponential', 'beta'] as const).filter((ramp) =>
    json.boolean(`use_${ramp}_sigmas`, false),
  );
  if (ramps.length > 1) {
    throw new EngineError(
      'model-malformed',
      `${json.what}: only one of use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas may be true`,
    );
  }
  return ramps[0];
}

/** The training sigmas, and the way between them and timesteps. */
export class SigmaTable {
  /** Sigma of each training timestep, growing. */
  readonly sigmas: Float32Array;
  /** In f32 as diffusers has them, which decides how timesteps near whole numbers are cut. */
  readonly #logs: Float32Array;

  constructor(alphasCumprod: Float32Array) {
    this.sigmas = alphasCumprod.map((alpha) => {
      const kept = Math.max(alpha, TINIEST_ALPHA);
      return Math.sqrt((1 - kept) / kept);
    });
    this.#logs = this.sigmas.map(Math.log);
  }

  /** Sigma of the first training timestep. */
  get min(): number {
    return this.sigmas[0]!;
  }

  /** Sigma of the last training timestep. */
  get max(): number {
    return this.sigmas.at(-1)!;
  }

  /** Sigma at a timestep that may be a fraction: on a line between its neighbours. */
  at(timestep: number): number {
    const low = Math.min(Math.floor(timestep), this.sigmas.length - 2);
    return mixed(this.sigmas[low]!, this.sigmas[low + 1]!, timestep - low);
  }

  /** The timestep, mostly a fraction, of a sigma: on a line between its neighbours' logarithms. */
  timestepOf(sigma: number): number {
    const log = Math.log(sigma);
    const above = this.#logs.findIndex((entry) => entry > log);
    const last = this.#logs.length - 2;
    const low = above < 0 ? last : Math.min(Math.max(above - 1, 0), last);
    const [from, to] = [this.#logs[low]!, this.#logs[low + 1]!];
    return low + Math.min(Math.max((log - from) / (to - from), 0), 1);
  }
}

/** `count` sigmas from `max` down to `min`; just `max` when there is one. */
export function rampedSigmas(
  ramp: SigmaRamp,
  { min, max, count }: { min: number; max: number; count: number },
): number[] {
  const line = linspace(0, 1, count);
  switch (ramp) {
    case 'karras':
      return line.map((u) => mixed(max ** (1 / RHO), min ** (1 / RHO), u) ** RHO);
    case 'exponential':
      return line.map((u) => Math.exp(mixed(Math.log(max), Math.log(min), u)));
    case 'beta':
      return line.map((u) => mixed(min, max, inverseBetaCdf(1 - u, BETA_SHAPE)));
  }
}

/** The shares of picture and noise at a sigma; infinity is pure noise. */
export function levelOfSigma(sigma: number): Level {
  const a = 1 / Math.hypot(sigma, 1);
  return { a, s: sigma * a };
}

function mixed(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}
