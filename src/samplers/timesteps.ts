/**
 * Which training timesteps a run visits.
 *
 * Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023), table 2, has the
 * three spacings. diffusers' families of schedulers read them differently; this matches each of them,
 * rounding half to even as numpy does.
 */

import { EngineError } from '../errors.ts';
import type { ConfigReader } from '../util/config-reader.ts';

/** How timesteps are spread over the training range. */
export type Spacing = 'leading' | 'linspace' | 'trailing';

/** What timesteps depend on, besides their number. */
export type SpacingConfig = {
  readonly spacing: Spacing;
  /** Added to each timestep of the leading spacing. */
  readonly offset: number;
  readonly trainSteps: number;
};

/**
 * Who reads the spacing: `whole`, samplers over a table of whole timesteps (DDPM, DDIM, PNDM); `sigma`,
 * k-diffusion's, whose timesteps may be fractions; `multistep`, those of the DPM-Solver kind, which put one
 * more point on the line and leave out the last.
 */
export type SpacingFamily = 'whole' | 'sigma' | 'multistep';

/** The spacing's part of a scheduler_config.json. */
export function spacingConfig(json: ConfigReader, fallback: Spacing): SpacingConfig {
  return {
    spacing: json.choice<Spacing>(
      'timestep_spacing',
      ['leading', 'linspace', 'trailing'],
      fallback,
    ),
    offset: json.number('steps_offset', 0),
    trainSteps: json.number('num_train_timesteps', 1000),
  };
}

/** The timesteps of a run of `steps` steps, noisiest first. */
export function spacedTimesteps(
  family: SpacingFamily,
  { spacing, offset, trainSteps: T }: SpacingConfig,
  steps: number,
): number[] {
  const extra = family === 'multistep' ? 1 : 0; // the point that is left out
  checkSteps(steps, T - extra);
  const indices = Array.from({ length: steps }, (_, i) => i);
  switch (spacing) {
    case 'leading': {
      const ratio = Math.floor(T / (steps + extra));
      const largest = (steps - 1 + extra) * ratio;
      const shift = Math.min(offset, T - 1 - largest); // with T steps there is no room for an offset
      return indices.map((i) => largest - i * ratio + shift);
    }
    case 'linspace': {
      const points = linspace(0, T - 1, steps + extra)
        .reverse()
        .slice(0, steps);
      return points.map(family === 'sigma' ? Math.fround : roundHalfToEven);
    }
    case 'trailing': {
      const stride = T - T / steps - T; // as numpy's arange has it, to the last bit
      return indices.map((i) => roundHalfToEven(T + i * stride) - 1);
    }
  }
}

/** Throws EngineError `invalid-argument` unless `steps` is a whole number from 1 to `most`. */
export function checkSteps(steps: number, most: number): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= most) return;
  throw new EngineError(
    'invalid-argument',
    `The number of steps must be a whole number from 1 to ${most}, got ${steps}.`,
  );
}

/** `count` numbers from `start` to `end`, both included; `start` alone when that is all there is room for. */
export function linspace(start: number, end: number, count: number): number[] {
  const stride = (end - start) / Math.max(count - 1, 1);
  return Array.from({ length: count }, (_, i) =>
    i > 0 && i === count - 1 ? end : start + i * stride,
  );
}

/** The nearest whole number; the even one of two that are equally near. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const isTie = value - floor === 0.5;
  return isTie ? floor + (floor % 2) : Math.round(value);
}
