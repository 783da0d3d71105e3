/**
 * The schedule that diffusers' multistep solvers (UniPC, and the DPM-Solver kind) share.
 *
 * Matches their timesteps, which stay whole numbers, also where sigmas are replaced. Limitation: no flow matching.
 */

import type { ConfigReader } from '../util/config-reader.ts';
import { mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { levelOfSigma, rampedSigmas, sigmaRamp, SigmaTable, type SigmaRamp } from './sigmas.ts';
import { roundHalfToEven, spacedTimesteps, spacingConfig } from './timesteps.ts';

/** Timesteps, and the sigmas that steps lead between: one more. */
export type Schedule = {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
};

/** The sigma after the last step: 0, or the smallest one that there is (which ramps then have twice). */
export type FinalSigma = 'zero' | 'sigma_min';

/** {@link FinalSigma} of a scheduler_config.json. */
export function finalSigma(json: ConfigReader): FinalSigma {
  return json.choice<FinalSigma>('final_sigmas_type', ['zero', 'sigma_min'], 'zero');
}

/** What a schedule is made from, besides the config. */
export type ScheduleOptions = {
  /** `alphas_cumprod`. */
  readonly table: Float32Array;
  readonly steps: number;
  readonly final: FinalSigma;
  /** Sigmas in place of those at the timesteps; default what the config asks for. */
  readonly ramp?: SigmaRamp | undefined;
  /** Whether a ramp's timesteps are rounded rather than cut off; default for Karras' alone. */
  readonly isRounded?: boolean | undefined;
};

/** The schedule of a run. */
export function multistepSchedule(
  json: ConfigReader,
  { table, steps, final, ramp = sigmaRamp(json), isRounded = ramp === 'karras' }: ScheduleOptions,
): Schedule {
  const training = new SigmaTable(table);
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
  const whole = isRounded ? roundHalfToEven : Math.trunc;
  return {
    timesteps: sigmas.map((sigma) => whole(training.timestepOf(sigma))),
    sigmas: [...sigmas, final === 'zero' ? 0 : sigmas.at(-1)!],
  };
}

/** The plan of a solver that evaluates the network once a step, from step `begin` of a schedule on. */
export function multistepPlan(
  request: SamplingRequest,
  { timesteps, sigmas }: Schedule,
  begin: number,
  sample: SamplingPlan['sample'],
): SamplingPlan {
  return {
    timesteps: timesteps.slice(begin),
    sigmas: sigmas.slice(begin),
    ...mixtures(request, begin, { initial: 1, at: (i) => levelOfSigma(sigmas[i]!) }),
    sample,
  };
}
