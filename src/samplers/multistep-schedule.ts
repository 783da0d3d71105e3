/**
 * The schedule that diffusers' multistep solvers (UniPC, and the DPM-Solver kind) share.
 *
 * Matches their timesteps, which stay whole numbers, also where sigmas are replaced: rounded with Karras'
 * sigmas, cut off with the others. Limitation: no flow matching.
 */

import type { ConfigReader } from '../util/config-reader.ts';
import { rampedSigmas, sigmaRamp, SigmaTable, type SigmaRamp } from './sigmas.ts';
import { roundHalfToEven, spacedTimesteps, spacingConfig } from './timesteps.ts';

/** Timesteps, and the sigmas that steps lead between: one more. */
export type Schedule = {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
};

/** The schedule of a run of `steps` steps over a table of `alphas_cumprod`. */
export function multistepSchedule(
  json: ConfigReader,
  { table, steps }: { table: Float32Array; steps: number },
): Schedule {
  const training = new SigmaTable(table);
  const ramp = sigmaRamp(json);
  const final = json.choice('final_sigmas_type', ['zero', 'sigma_min'], 'zero');
  const spaced = spacedTimesteps('multistep', spacingConfig(json, 'linspace'), steps);
  if (ramp === undefined) {
    const last = final === 'zero' ? 0 : training.min;
    return { timesteps: spaced, sigmas: [...spaced.map((t) => training.at(t)), last] };
  }
  const sigmas = rampedSigmas(ramp, {
    min: json.optionalNumber('sigma_min') ?? training.min,
    max: json.optionalNumber('sigma_max') ?? training.max,
    count: steps,
  });
  return {
    timesteps: sigmas.map((sigma) => whole(ramp, training.timestepOf(sigma))),
    sigmas: [...sigmas, final === 'zero' ? 0 : sigmas.at(-1)!],
  };
}

function whole(ramp: SigmaRamp, timestep: number): number {
  return ramp === 'karras' ? roundHalfToEven(timestep) : Math.trunc(timestep);
}
