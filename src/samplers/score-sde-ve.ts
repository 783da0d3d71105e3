/**
 * Predictor and corrector over a variance exploding SDE: Song et al., "Score-Based Generative Modeling through
 * Stochastic Differential Equations" (2020), algorithms 2 and 4; g is the score, by which noise is told apart.
 *
 * diffusers' ScoreSdeVeScheduler was made for networks of another kind: they see samples as they are, are told
 * sigma itself, and say the score. `asUpstream` runs those, with lengths averaged over the batch. Else the method
 * runs over a latent network's own range, where the score is that of its prediction, and every picture has the
 * step size that it would have alone.
 */

import { EngineError } from '../errors.ts';
import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predictionType } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, norms, scaled, step, type Sampling } from './sampling.ts';
import { denoise, LATENT_BETAS, sigmaPlan } from './sigma-schedule.ts';
import { rampedSigmas, sigmaRamp, SigmaTable } from './sigmas.ts';
import { checkSteps, linspace } from './timesteps.ts';

/** ScoreSdeVe: as many evaluations a step as there are corrections, and one; needs 50 steps and more. */
export const scoreSdeVe = { plan };

/** A kind of network, and a run over its sigmas. */
type Kind = {
  /** Sigmas that the network is shown, and 0. */
  readonly sigmas: readonly number[];
  /** What the predictor takes from the variance in each step. */
  readonly variances: readonly number[];
  /** The standard deviation of the first sample. */
  readonly initial: number;
  /** What the network is told of a sigma. */
  readonly timestepOf: (sigma: number) => number;
  /** The score of `x`: the gradient of its log density. */
  readonly score: (x: Combination, sigma: number) => Sampling;
  /** The corrector's step size for each picture, by the lengths of noise and score. */
  readonly stepSizes: (z: readonly number[], g: readonly number[]) => readonly number[];
};

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('ScoreSdeVeScheduler', config);
  const corrections = json.number('correct_steps', 1);
  if (!Number.isInteger(corrections) || corrections < 0) {
    const message = `${json.what}: correct_steps must be a whole number from 0 on, got ${corrections}`;
    throw new EngineError('model-malformed', message, { detail: { field: 'correct_steps' } });
  }
  const snr = json.number('snr', 0.15);
  const kind = (request.asUpstream === true ? ownKind : latentKind)(json, request.steps, snr);
  const { sigmas, variances, timestepOf, score, stepSizes } = kind;
  const n = variances.length;
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < n; i++) {
      const sigma = sigmas[i]!;
      for (let k = 0; k < corrections; k++) {
        const g = yield* score(x, sigma);
        const z = yield* noise(1);
        const e = stepSizes(...(yield* norms(z, g)));
        const drift = yield* scaled(g, e);
        const diffusion = yield* scaled(
          z,
          e.map((size) => Math.sqrt(2 * size)),
        );
        x = sum([1, x], [1, drift], [1, diffusion]);
      }
      const g = yield* score(x, sigma);
      const variance = variances[i]!;
      const mean = sum([1, x], [variance, g]);
      const z = yield* noise(i < n - 1 ? Math.sqrt(variance) : 0);
      [x] = yield* step([sum([1, mean], [1, z])], sum([1, x], [sigma ** 2, g]));
    }
    return x;
  }

  const evaluated = sigmas
    .slice(begin, n)
    .flatMap((sigma) => Array<number>(corrections + 1).fill(timestepOf(sigma)));
  return sigmaPlan(request, { ...kind, begin }, { evaluated, sample });
}

function latentKind(json: ConfigReader, steps: number, snr: number): Kind {
  const type = predictionType(json);
  const table = new SigmaTable(alphasCumprod(noiseTableConfig(json, LATENT_BETAS)));
  checkSteps(steps, table.sigmas.length);
  const { min, max } = table;
  const sigmas = [...rampedSigmas(sigmaRamp(json) ?? 'exponential', { min, max, count: steps }), 0];
  const timestepOf = (sigma: number): number => table.timestepOf(sigma);
  return {
    sigmas,
    variances: sigmas.slice(1).map((next, i) => sigmas[i]! ** 2 - next ** 2),
    initial: max,
    timestepOf,
    *score(x, sigma) {
      const seen = yield* denoise(type, x, { sigma, timestep: timestepOf(sigma) });
      return seen.noise.times(-1 / sigma);
    },
    stepSizes: (z, g) => z.map((length, picture) => stepSize(snr, length, g[picture]!)),
  };
}

/** The kind that diffusers' class is for. */
function ownKind(json: ConfigReader, steps: number, snr: number): Kind {
  checkSteps(steps, json.number('num_train_timesteps', 2000));
  const [min, max] = [json.number('sigma_min', 0.01), json.number('sigma_max', 1348)];
  const times = linspace(1, json.number('sampling_eps', 1e-5), steps);
  const sigmas = times.map((time) => min * (max / min) ** time);
  // The predictor has another table, in which it looks up the step below.
  const discrete = rampedSigmas('exponential', { min: max, max: min, count: steps });
  const mean = (lengths: readonly number[]): number =>
    lengths.reduce((a, b) => a + b) / lengths.length;
  return {
    sigmas: [...sigmas, 0],
    variances: times.map((time) => {
      const index = Math.trunc(Math.fround(Math.fround(time) * (steps - 1)));
      return discrete[index]! ** 2 - (discrete[index - 1] ?? 0) ** 2;
    }),
    initial: max,
    timestepOf: (sigma) => sigma,
    score: evaluate,
    stepSizes: (z, g) => z.map(() => stepSize(snr, mean(z), mean(g))),
  };
}

/** Algorithm 4's step size, at which noise is to what the score does as 1 to `snr`; 0 for no score. */
function stepSize(snr: number, z: number, g: number): number {
  return g === 0 ? 0 : 2 * ((snr * z) / g) ** 2;
}
