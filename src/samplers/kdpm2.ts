/**
 * The midpoint method in the logarithm of sigma, with and without fresh noise: `sample_dpm_2` and
 * `sample_dpm_2_ancestral` of Katherine Crowson's k-diffusion, after DPM-Solver-2 of Lu et al., "DPM-Solver: A
 * Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps" (2022), algorithm 1.
 *
 * Matches diffusers' KDPM2DiscreteScheduler and KDPM2AncestralDiscreteScheduler.
 */

import type { ConfigReader, JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { ancestral } from './euler-ancestral.ts';
import { predictionType } from './prediction.ts';
import type { Sampler, SamplingPlan, SamplingRequest } from './sampler.ts';
import { noise, step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { denoise, LATENT_BETAS, sigmaPlan, sigmaSchedule } from './sigma-schedule.ts';

/** KDPM2: two evaluations a step, the last one but one. */
export const kdpm2: Sampler = {
  plan: (config, request) => plan(reader('KDPM2DiscreteScheduler', config), request, false),
};

/** KDPM2 with fresh noise in every step. */
export const kdpm2Ancestral: Sampler = {
  plan: (config, request) => plan(reader('KDPM2AncestralDiscreteScheduler', config), request, true),
};

function reader(what: string, config: JsonConfig): ConfigReader {
  return readerWithout(what, config, 'rescale_betas_zero_snr');
}

function plan(json: ConfigReader, request: SamplingRequest, isAncestral: boolean): SamplingPlan {
  const type = predictionType(json);
  const schedule = sigmaSchedule(json, request, { betas: LATENT_BETAS, roundsKarras: true });
  const { timesteps, sigmas, begin, table } = schedule;
  const ends = sigmas
    .slice(1)
    .map((sigmaNext, i) =>
      isAncestral ? ancestral(sigmas[i]!, sigmaNext) : { up: 0, down: sigmaNext },
    );
  const middles = ends.map(({ down }, i) => Math.sqrt(sigmas[i]! * down));
  const middleTimestep = (i: number): number => table.timestepOf(middles[i]!);

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < timesteps.length; i++) {
      const [sigma, middle, { up, down }] = [sigmas[i]!, middles[i]!, ends[i]!];
      const at = { sigma, timestep: timesteps[i]! };
      const { original, noise: d } = yield* denoise(type, x, at);
      let slope = d;
      if (middle !== 0) {
        const there = { sigma: middle, timestep: middleTimestep(i) };
        const seen = yield* denoise(type, sum([1, x], [middle - sigma, d]), there);
        slope = seen.noise;
      }
      const next = sum([1, x], [down - sigma, slope], [1, yield* noise(up)]);
      [x] = yield* step([next], original);
    }
    return x;
  }

  const evaluated = timesteps.flatMap((t, i) => (middles[i] === 0 ? [t] : [t, middleTimestep(i)]));
  return sigmaPlan(request, schedule, { evaluated: evaluated.slice(2 * begin), sample });
}
