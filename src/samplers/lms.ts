/**
 * A linear multistep method, Adams and Bashforth's with steps of any size: `sample_lms` of Katherine Crowson's
 * k-diffusion. The derivative is taken for the polynomial through the last four.
 *
 * Matches diffusers' LMSDiscreteScheduler, which integrates numerically what is integrated exactly here. In
 * image-to-image its order follows the number of the step rather than of the derivatives that there are, as
 * if those that are missing were 0; that is only done `asUpstream`.
 */

import type { JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { predictionType } from './prediction.ts';
import type { SamplingPlan, SamplingRequest } from './sampler.ts';
import { step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { denoise, sigmaPlan, sigmaSchedule } from './sigma-schedule.ts';

/** LMS, of order 4. */
export const lms = { plan };

const ORDER = 4;

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('LMSDiscreteScheduler', config, 'rescale_betas_zero_snr');
  const type = predictionType(json);
  const schedule = sigmaSchedule(json, request);
  const { timesteps, sigmas, begin } = schedule;

  function* sample(start: Combination): Sampling {
    let x = start;
    let history: readonly Combination[] = []; // newest first
    for (let i = begin; i < timesteps.length; i++) {
      const at = { sigma: sigmas[i]!, timestep: timesteps[i]! };
      const { original, noise: d } = yield* denoise(type, x, at);
      const ds = [d, ...history];
      const order = request.asUpstream === true ? Math.min(i + 1, ORDER) : ds.length;
      const nodes = Array.from({ length: order }, (_, k) => sigmas[i - k]!);
      const weights = integrals(nodes, sigmas[i]!, sigmas[i + 1]!);
      const next = sum([1, x], ...ds.map((each, k) => [weights[k]!, each] as const));
      [x, ...history] = yield* step([next, ...ds.slice(0, ORDER - 1)], original);
    }
    return x;
  }

  return sigmaPlan(request, schedule, { evaluated: timesteps.slice(begin), sample });
}

/**
 * The integral of each of Lagrange's polynomials over `nodes`: 1 at one of them, 0 at the others. Gauss' rule with
 * two points is exact up to the third degree.
 */
function integrals(nodes: readonly number[], from: number, to: number): number[] {
  const [middle, half] = [(from + to) / 2, (to - from) / 2];
  const points = [middle - half / Math.sqrt(3), middle + half / Math.sqrt(3)];
  return nodes.map((node) => {
    const others = nodes.filter((other) => other !== node);
    const values = points.map((tau) =>
      others.reduce((product, other) => (product * (tau - other)) / (node - other), 1),
    );
    return half * values.reduce((a, b) => a + b);
  });
}
