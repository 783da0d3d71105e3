/**
 * DEIS: Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator" (2022), equation 15,
 * with polynomials in the logarithm of rho (their appendix H): the noise that the network said at earlier
 * sigmas is interpolated in lambda, and the interpolation integrated exactly.
 *
 * Matches diffusers' DEISMultistepScheduler, of orders 1 to 3. Limitation: no flow matching.
 */

import type { JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { lambdaOf, loweredOrder, solverOrder, transition, type Model } from './dpm-solver.ts';
import { multistepPlan, multistepSchedule } from './multistep-schedule.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { levelOfSigma } from './sigmas.ts';

/** DEIS, multistep. */
export const deis = { plan };

/** Options of its siblings that it does not have. */
const LACKING = ['rescale_betas_zero_snr', 'sigma_min', 'sigma_max'];

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('DEISMultistepScheduler', config, ...LACKING);
  json.only('use_flow_sigmas', false, null);
  const type = predictionType(json);
  const highest = solverOrder(json);
  const { timesteps, sigmas } = multistepSchedule(json, {
    table: alphasCumprod(noiseTableConfig(json)),
    steps: request.steps,
    final: 'sigma_min',
  });
  const n = timesteps.length;
  const begin = firstStep(request);
  const endOrder = loweredOrder(json, n);

  function* sample(start: Combination): Sampling {
    let x = start;
    let history: readonly Combination[] = []; // newest first
    for (let i = begin; i < n; i++) {
      const output = yield* evaluate(x, timesteps[i]!);
      const { original, noise } = predict(type, x, output, levelOfSigma(sigmas[i]!));
      const models = [noise, ...history].map((value, k): Model => ({
        value,
        lambda: lambdaOf(sigmas[i - k]!),
      }));

      const order = Math.min(models.length, highest, endOrder(i));
      const { kept, share, h } = transition('dpmsolver', sigmas[i]!, sigmas[i + 1]!);
      const used = models.slice(0, order);
      const weights = integrals(
        h,
        used.map(({ lambda }) => lambda - lambdaOf(sigmas[i]!)),
      );
      const next = sum(
        [kept, x],
        ...used.map(({ value }, j) => [-share * weights[j]!, value] as const),
      );
      const carried = models.slice(0, highest - 1).map(({ value }) => value);
      [x, ...history] = yield* step([next, ...carried], original);
    }
    return x;
  }

  return multistepPlan(request, { timesteps, sigmas }, begin, sample);
}

/** The integral from 0 to `h` of e^(h - v)·L(v), for each polynomial L of Lagrange's over `nodes`. */
function integrals(h: number, nodes: readonly number[]): number[] {
  return nodes.map((_, j) => {
    // By parts, an antiderivative is -e^(h - v)·(L + L' + L'' + ...)(v).
    let derivative = lagrange(nodes, j);
    let [atZero, atEnd] = [0, 0];
    while (derivative.length > 0) {
      atZero += derivative[0]!;
      atEnd += derivative.reduceRight((value, coefficient) => value * h + coefficient, 0);
      derivative = derivative.slice(1).map((coefficient, i) => (i + 1) * coefficient);
    }
    return Math.exp(h) * atZero - atEnd;
  });
}

/** Coefficients, constant first, of the polynomial that is 1 at node `j` and 0 at the others. */
function lagrange(nodes: readonly number[], j: number): number[] {
  return nodes
    .filter((_, k) => k !== j)
    .reduce<number[]>(
      (p, other) => [...p, 0].map((c, i) => ((p[i - 1] ?? 0) - other * c) / (nodes[j]! - other)),
      [1],
    );
}
