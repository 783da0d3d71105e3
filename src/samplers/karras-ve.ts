/**
 * Heun's method with churn: algorithm 2 of Karras et al., "Elucidating the Design Space of Diffusion-Based
 * Generative Models" (2022).
 *
 * diffusers' KarrasVeScheduler was made for networks of another kind: they see samples as they are, are told
 * sigma itself, and say the difference to the picture, in sigmas. It also takes a table of squared sigmas for
 * sigmas. `asUpstream` does all that. Else the algorithm runs over a latent network's own range, with Karras'
 * sigmas and with less churn: diffusers' 80 is for a range five times as wide.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { churned, churnNoise } from './churn.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predictionType, type Prediction } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, noise, step, type Sampling } from './sampling.ts';
import { denoise, LATENT_BETAS, sigmaPlan } from './sigma-schedule.ts';
import { rampedSigmas, sigmaRamp, SigmaTable } from './sigmas.ts';
import { checkSteps, linspace } from './timesteps.ts';

/** KarrasVe: two evaluations a step, the last one but one; stochastic unless its churn is 0. */
export const karrasVe = { plan };

/** A kind of network, and a run over its sigmas. */
type Kind = {
  /** Sigmas that steps lead between, ending in 0. */
  readonly sigmas: readonly number[];
  /** The standard deviation of the first sample. */
  readonly initial: number;
  /** The largest sigma that the network knows. */
  readonly most: number;
  /** S_churn where nobody says another one. */
  readonly churn: number;
  /** Whether noise is drawn also where none is added. */
  readonly alwaysDraws: boolean;
  /** What the network is told of a sigma. */
  readonly timestepOf: (sigma: number) => number;
  /** The picture in `x`, and as `noise` the derivative dx/dsigma. */
  readonly look: (x: Combination, sigma: number) => Sampling<Prediction>;
};

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('KarrasVeScheduler', config);
  const kind = request.asUpstream === true ? ownKind(json, request) : latentKind(json, request);
  const { sigmas, look, timestepOf } = kind;
  const n = sigmas.length - 1;
  const begin = firstStep(request);
  const churn = request.churn ?? {
    amount: json.number('s_churn', kind.churn),
    from: json.number('s_min', 0.05),
    to: json.number('s_max', 50),
    noise: json.number('s_noise', 1.007),
  };
  const hats = sigmas.map((sigma) =>
    Math.min(churned(sigma, churn, n), Math.max(sigma, kind.most)),
  );

  function* sample(start: Combination): Sampling {
    let x = start;
    for (let i = begin; i < n; i++) {
      const [sigma, hat, sigmaNext] = [sigmas[i]!, hats[i]!, sigmas[i + 1]!];
      const deviation = churnNoise(sigma, hat, churn);
      const z = yield* noise(kind.alwaysDraws ? 1 : Math.sign(deviation));
      const xHat = sum([1, x], [deviation, z]);
      const h = sigmaNext - hat;
      const { original, noise: d } = yield* look(xHat, hat);
      let next = sum([1, xHat], [h, d]);
      if (sigmaNext !== 0) {
        const { noise: dNext } = yield* look(next, sigmaNext);
        next = sum([1, xHat], [h / 2, d], [h / 2, dNext]);
      }
      [x] = yield* step([next], original);
    }
    return x;
  }

  const seen = hats.slice(0, n).flatMap((hat, i) => [hat, sigmas[i + 1]!]);
  const evaluated = seen.slice(2 * begin, -1).map(timestepOf); // at the last sigma, 0, nothing is to be seen
  return sigmaPlan(request, { ...kind, begin }, { evaluated, sample });
}

function latentKind(json: ConfigReader, { steps }: SamplingRequest): Kind {
  const type = predictionType(json);
  const table = new SigmaTable(alphasCumprod(noiseTableConfig(json, LATENT_BETAS)));
  checkSteps(steps, table.sigmas.length);
  const { min, max } = table;
  const sigmas = rampedSigmas(sigmaRamp(json) ?? 'karras', { min, max, count: steps });
  const timestepOf = (sigma: number): number => table.timestepOf(sigma);
  return {
    sigmas: [max, ...sigmas.slice(1), 0], // the first one is not to be raised, by its rounding either
    initial: max,
    most: max,
    churn: 10,
    alwaysDraws: false,
    timestepOf,
    look: (x, sigma) => denoise(type, x, { sigma, timestep: timestepOf(sigma) }),
  };
}

/** The kind that diffusers' class is for. */
function ownKind(json: ConfigReader, { steps }: SamplingRequest): Kind {
  checkSteps(steps, 1000);
  const [min, max] = [json.number('sigma_min', 0.02), json.number('sigma_max', 100)];
  const sigmas = linspace(0, 1, steps).map((u) => max ** 2 * (min / max) ** (2 * u));
  return {
    sigmas: [...sigmas, 0],
    initial: max,
    most: Infinity,
    churn: 80,
    alwaysDraws: true,
    timestepOf: (sigma) => sigma,
    *look(x, sigma) {
      const output = yield* evaluate(x, sigma);
      return { original: sum([1, x], [sigma, output]), noise: output.times(-1) };
    },
  };
}
