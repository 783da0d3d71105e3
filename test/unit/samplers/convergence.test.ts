/**
 * How fast samplers come to the answer, on a problem whose answer is known.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { samplerOf, type SamplerName } from '../../../src/samplers/registry.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { GaussianProblem } from '../../../tools/scheduler-chart/gaussian.ts';

/** Steps of the training process, such that runs of a power of two see whole timesteps only. */
const T = 1025;

/** Betas by which sigma grows evenly in its logarithm, from 0.03 to 15. */
const trainedBetas = Array.from({ length: T }, (_, t) => {
  const alphaAt = (i: number): number => (i < 0 ? 1 : 1 / (1 + (0.03 * 500 ** (i / (T - 1))) ** 2));
  return 1 - alphaAt(t) / alphaAt(t - 1);
});

const BASE: JsonConfig = {
  trained_betas: trainedBetas,
  num_train_timesteps: T,
  steps_offset: 0,
  lower_order_final: false,
};

/**
 * The order of each sampler that has one: halving the steps' size divides the error by 2 to that power. Methods that begin
 * with steps of lower order are held to what those leave; correctors add one. Of stochastic samplers it is how their
 * distribution comes near. ScoreSdeVe's corrector stays a little off, and LCM does not mean to converge.
 */
const ORDERS: readonly (readonly [name: SamplerName, config: JsonConfig, order: number])[] = [
  ['DDPMScheduler', {}, 1],
  ['DDIMScheduler', {}, 1],
  ['PNDMScheduler', { skip_prk_steps: true }, 2],
  ['PNDMScheduler', { skip_prk_steps: false }, 2],
  ['LMSDiscreteScheduler', {}, 2],
  ['EulerDiscreteScheduler', {}, 1],
  ['EulerAncestralDiscreteScheduler', {}, 1],
  ['DPMSolverMultistepScheduler', { solver_order: 1 }, 1],
  ['DPMSolverMultistepScheduler', { solver_order: 2 }, 2],
  ['DPMSolverMultistepScheduler', { solver_order: 2, solver_type: 'heun' }, 2],
  ['DPMSolverMultistepScheduler', { solver_order: 3 }, 2],
  ['HeunDiscreteScheduler', {}, 2],
  ['KDPM2DiscreteScheduler', {}, 2],
  ['DPMSolverSinglestepScheduler', { solver_order: 1 }, 1],
  ['DPMSolverSinglestepScheduler', { solver_order: 2 }, 2],
  ['DPMSolverSinglestepScheduler', { solver_order: 3 }, 3],
  ['KDPM2AncestralDiscreteScheduler', {}, 2],
  ['UniPCMultistepScheduler', { solver_order: 1 }, 2],
  ['UniPCMultistepScheduler', { solver_order: 2 }, 3],
  [
    'UniPCMultistepScheduler',
    { solver_order: 1, disable_corrector: Array.from({ length: 64 }, (_, i) => i) },
    1,
  ],
  ['DEISMultistepScheduler', { solver_order: 1 }, 1],
  ['DEISMultistepScheduler', { solver_order: 2 }, 2],
  ['DEISMultistepScheduler', { solver_order: 3 }, 2],
  ['IPNDMScheduler', {}, 2],
  ['KarrasVeScheduler', {}, 2],
];

/** Samplers whose sigmas lie at both ends of a line of `steps` points; others leave the last one out. */
const HAVE_BOTH_ENDS = /^(LMS|Euler|Heun|KDPM2|Karras)/;

/** How far the deviation of the last sample with noise in it is off. */
async function errorOf(name: SamplerName, more: JsonConfig, n: number, deviation: number) {
  const config = { ...BASE, ...more };
  const steps = HAVE_BOTH_ENDS.test(name) ? n + 1 : n;
  const plan = samplerOf(name).plan(config, { steps, churn: { amount: 0 } });
  const ratios = await new GaussianProblem(config, deviation).run(plan);
  return Math.abs(ratios.at(-2)! - 1);
}

describe('halving the steps', () => {
  test.each(ORDERS)('of %s %j shrinks the error by 2 to the power of %d', async (...row) => {
    const [name, config, order] = row;
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0.5, max: 2, noNaN: true }), async (deviation) => {
        const [long, short] = await Promise.all(
          [32, 64].map((n) => errorOf(name, config, n, deviation)),
        );
        // In f32 an error below 1e-5 is no longer one of the method.
        expect(short).toBeLessThan(Math.max(long! / 2 ** (order - 0.4), 1e-5));
      }),
      { numRuns: 10 },
    );
  });
});
