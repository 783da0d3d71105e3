/**
 * Adams and Bashforth's method over equal steps, with the transfer of Liu et al., "Pseudo Numerical Methods for
 * Diffusion Models on Manifolds" (2022), equations 9 and 12; begun with its lower orders instead of Runge and
 * Kutta's steps ("improved" PNDM).
 *
 * diffusers' IPNDMScheduler has a schedule of its own, over times from 1 to 0, and takes the output for a
 * velocity: no latent network was trained for that. `asUpstream` does so; else the same method runs over a
 * checkpoint's timesteps, with the output taken for what the checkpoint says it is. Karras' sigmas and the other
 * ramps, over which a step is a like share of sigma, allow it half as many steps.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { ADAMS_BASHFORTH_ORDER, extrapolated } from './adams-bashforth.ts';
import { sum, zero, type Combination } from './algebra.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig, type Level } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { levelOfSigma, rampedSigmas, sigmaRamp, SigmaTable } from './sigmas.ts';
import { checkSteps, linspace, spacedTimesteps, spacingConfig } from './timesteps.ts';

/** IPNDM, of order 4. */
export const ipndm = { plan };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('IPNDMScheduler', config);
  const isUpstream = request.asUpstream === true;
  const { timesteps, levels } = isUpstream
    ? ownSchedule(json, request)
    : tableSchedule(json, request);
  const type = isUpstream ? 'v_prediction' : predictionType(json);
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start;
    let history: readonly Combination[] = []; // newest first
    for (let i = begin; i < timesteps.length; i++) {
      const [level, { a: aNext, s: sNext }] = [levels[i]!, levels[i + 1]!];
      const output = yield* evaluate(x, timesteps[i]!);
      const seen = predict(type, x, output, level);
      const noises = [seen.noise, ...history];
      const eps = extrapolated(noises);
      // Where nothing is left of the picture, diffusers takes it for 0.
      const nothing = isUpstream ? zero : seen.original;
      const original = level.a === 0 ? nothing : sum([1 / level.a, x], [-level.s / level.a, eps]);
      const next = sum([aNext, original], [sNext, eps]);
      [x, ...history] = yield* step(
        [next, ...noises.slice(0, ADAMS_BASHFORTH_ORDER - 1)],
        seen.original,
      );
    }
    return x;
  }

  return {
    timesteps: timesteps.slice(begin),
    ...mixtures(request, begin, {
      initial: 1,
      at: (i) => levels[i]!,
    }),
    sample,
  };
}

/** Timesteps, and the levels that steps lead between: one more. */
type LevelSchedule = { readonly timesteps: readonly number[]; readonly levels: readonly Level[] };

function tableSchedule(json: ConfigReader, { steps }: SamplingRequest): LevelSchedule {
  const alphas = alphasCumprod(noiseTableConfig(json));
  const ramp = sigmaRamp(json);
  if (ramp !== undefined) {
    checkSteps(steps, alphas.length);
    const table = new SigmaTable(alphas);
    const sigmas = rampedSigmas(ramp, { min: table.min, max: table.max, count: steps });
    return {
      timesteps: sigmas.map((sigma) => table.timestepOf(sigma)),
      levels: [...sigmas, 0].map(levelOfSigma),
    };
  }
  const timesteps = spacedTimesteps('whole', spacingConfig(json, 'leading'), steps);
  const final = json.boolean('set_alpha_to_one', true) ? 1 : alphas[0]!;
  return { timesteps, levels: [...timesteps.map((t) => alphas[t]!), final].map(levelOfAlpha) };
}

/** diffusers' own: a level's angle, in quarter turns, is its timestep. */
function ownSchedule(json: ConfigReader, { steps }: SamplingRequest): LevelSchedule {
  checkSteps(steps, json.number('num_train_timesteps', 1000));
  const times = linspace(1, 0, steps + 1);
  const levels = times.map((time): Level => {
    const s = Math.sin((time * Math.PI) / 2) ** 2;
    return { a: Math.sqrt(1 - s ** 2), s };
  });
  const timesteps = levels.slice(0, -1).map(({ a, s }) => (Math.atan2(s, a) / Math.PI) * 2);
  return { timesteps, levels };
}
