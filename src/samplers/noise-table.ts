/**
 * How much of the picture is left at each training timestep: the table that every sampler reads.
 *
 * Ho et al., "Denoising Diffusion Probabilistic Models" (2020), section 2, for beta, alpha and their
 * product; Nichol and Dhariwal, "Improved DDPM" (2021), equation 17, for the cosine schedule; Lin et al.,
 * "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023), algorithm 1, for the rescale.
 *
 * Matches diffusers, whose tables are float32 with the product accumulated in float64.
 */

import type { ConfigReader } from '../util/config-reader.ts';

/** How beta grows over the training timesteps. */
export type BetaSchedule = 'linear' | 'scaled_linear' | 'squaredcos_cap_v2';

/** What the table is made of. */
export type NoiseTableConfig = {
  /** Number of training timesteps, T. */
  readonly trainSteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: BetaSchedule;
  /** Betas themselves, instead of a schedule. */
  readonly trainedBetas: readonly number[] | undefined;
  /** Rescaled so that nothing of the picture is left at the last timestep. */
  readonly rescaleZeroSnr: boolean;
};

/** Defaults that differ between samplers. */
export type NoiseTableDefaults = Pick<NoiseTableConfig, 'betaStart' | 'betaEnd' | 'betaSchedule'>;

/** The share of the picture (`a`) and of the noise (`s`) in a sample: x = a·x0 + s·eps, a² + s² = 1. */
export type Level = { readonly a: number; readonly s: number };

const DEFAULTS: NoiseTableDefaults = { betaStart: 1e-4, betaEnd: 0.02, betaSchedule: 'linear' };

/** The table's part of a scheduler_config.json. */
export function noiseTableConfig(
  json: ConfigReader,
  defaults: NoiseTableDefaults = DEFAULTS,
): NoiseTableConfig {
  return {
    trainSteps: json.number('num_train_timesteps', 1000),
    betaStart: json.number('beta_start', defaults.betaStart),
    betaEnd: json.number('beta_end', defaults.betaEnd),
    betaSchedule: json.choice<BetaSchedule>(
      'beta_schedule',
      ['linear', 'scaled_linear', 'squaredcos_cap_v2'],
      defaults.betaSchedule,
    ),
    trainedBetas: json.has('trained_betas') ? json.numbers('trained_betas') : undefined,
    rescaleZeroSnr: json.boolean('rescale_betas_zero_snr', false),
  };
}

/** `alphas_cumprod`: the squared share of the picture at each training timestep. */
export function alphasCumprod(config: NoiseTableConfig): Float32Array {
  const betas = config.trainedBetas ?? scheduledBetas(config);
  const table = productOfAlphas(Float32Array.from(betas));
  return config.rescaleZeroSnr ? rescaledToZero(table) : table;
}

/** The level at which the squared share of the picture is `alpha`. */
export function levelOfAlpha(alpha: number): Level {
  return { a: Math.sqrt(alpha), s: Math.sqrt(1 - alpha) };
}

function scheduledBetas({ betaSchedule, betaStart, betaEnd, trainSteps }: NoiseTableConfig) {
  switch (betaSchedule) {
    case 'linear':
      return line(betaStart, betaEnd, trainSteps);
    case 'scaled_linear':
      return line(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainSteps).map((root) => root ** 2);
    case 'squaredcos_cap_v2': {
      const f = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
      return Array.from({ length: trainSteps }, (_, i) =>
        Math.min(1 - f((i + 1) / trainSteps) / f(i / trainSteps), 0.999),
      );
    }
  }
}

/**
 * `torch.linspace` in f32, from both ends to the middle. The difference to an exact line is some 1e-7, which
 * decides on which side of a whole number the timestep of the largest sigma falls.
 */
function line(from: number, to: number, count: number): number[] {
  const f = Math.fround;
  const stride = f(f(f(to) - f(from)) / (count - 1));
  return Array.from({ length: count }, (_, i) =>
    i < count / 2 ? f(f(from) + f(stride * i)) : f(f(to) - f(stride * (count - 1 - i))),
  );
}

function productOfAlphas(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => (product *= Math.fround(1 - beta)));
}

function rescaledToZero(table: Float32Array): Float32Array {
  const roots = Array.from(table, Math.sqrt);
  const [first = 1, last = 0] = [roots[0], roots.at(-1)];
  return Float32Array.from(roots, (root) => (((root - last) * first) / (first - last)) ** 2);
}
