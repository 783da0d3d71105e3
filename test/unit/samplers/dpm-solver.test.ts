/**
 * What is particular to the DPM-Solver kind: limits that are NaN upstream, and how their configs are read.
 */

import { describe, expect, test } from 'vitest';
import { samplerOf } from '../../../src/samplers/registry.ts';
import type { SamplingPlan } from '../../../src/samplers/sampler.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { distance, normals, run, type Formula } from './support.ts';

const SD15: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
};

const MULTISTEP = 'DPMSolverMultistepScheduler';
const SINGLESTEP = 'DPMSolverSinglestepScheduler';
const DEIS = 'DEISMultistepScheduler';
const KIND = [MULTISTEP, SINGLESTEP, DEIS];
const ALGORITHMS = ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++'];

const formula: Formula = (x, t) =>
  x.map((value) => (0.3 * value * t) / (t + 1) + 0.1 * Math.cos(value));

function planOf(name: string, config: JsonConfig, steps: number): SamplingPlan {
  return samplerOf(name).plan({ ...SD15, ...config }, { steps });
}

async function finalOf(name: string, config: JsonConfig, steps: number) {
  return (await run(planOf(name, config, steps), formula, { noise: normals(1) })).final;
}

describe('the last step', () => {
  test.each(ALGORITHMS)('to a sigma of 0 is the picture: %s', async (algorithm) => {
    for (const name of [MULTISTEP, SINGLESTEP]) {
      const plan = planOf(name, { algorithm_type: algorithm, solver_order: 3 }, 7);
      const { final, originals } = await run(plan, formula, { noise: normals(1) });
      expect(plan.sigmas?.at(-1)).toBe(0);
      expect(final).toEqual(originals.at(-1));
    }
  });

  test.each(ALGORITHMS)('to the same sigma changes nothing: %s', async (algorithm) => {
    for (const ramp of ['karras', 'exponential', 'beta']) {
      for (const solver of ['midpoint', 'heun']) {
        const config = {
          [`use_${ramp}_sigmas`]: true,
          algorithm_type: algorithm,
          solver_type: solver,
          solver_order: 3,
          final_sigmas_type: 'sigma_min',
        };
        const plan = planOf(MULTISTEP, config, 18);
        const { final, samples } = await run(plan, formula, { noise: normals(1) });
        expect(final.every(Number.isFinite)).toBe(true);
        expect(final).toEqual(samples.at(-2));
      }
    }
  });
});

describe('a config', () => {
  test('says the same by the words of a sibling', async () => {
    for (const name of [MULTISTEP, SINGLESTEP]) {
      const own = await finalOf(name, {}, 9);
      for (const solver of ['logrho', 'bh1', 'bh2']) {
        expect(await finalOf(name, { solver_type: solver, algorithm_type: 'deis' }, 9)).toEqual(
          own,
        );
      }
    }
  });

  test('of DEIS has no algorithm and no final sigma, of none of them limits of sigma', async () => {
    const others = { algorithm_type: 'sde-dpmsolver++', final_sigmas_type: 'zero' };
    expect(await finalOf(DEIS, others, 9)).toEqual(await finalOf(DEIS, {}, 9));
    const limits = { sigma_min: 0.1, sigma_max: 10 };
    for (const name of KIND) {
      const karras = { use_karras_sigmas: true };
      expect(planOf(name, { ...karras, ...limits }, 5).sigmas).toEqual(
        planOf(name, karras, 5).sigmas,
      );
    }
  });

  test('of singlestep has no spacing, and like that of DEIS no rescaled betas', () => {
    const spacing = { timestep_spacing: 'trailing', steps_offset: 3 };
    expect(planOf(SINGLESTEP, spacing, 5).timesteps).toEqual(planOf(SINGLESTEP, {}, 5).timesteps);
    expect(planOf(DEIS, spacing, 5).timesteps).not.toEqual(planOf(DEIS, {}, 5).timesteps);
    for (const [name, most] of [
      [MULTISTEP, 4096],
      [SINGLESTEP, 14.61],
      [DEIS, 14.61],
    ] as const) {
      const { sigmas = [] } = planOf(name, { rescale_betas_zero_snr: true }, 5);
      expect(sigmas[0]).toBeCloseTo(most, 1);
    }
  });

  test('with Lu’s lambdas has exponential sigmas, and rounded timesteps; Karras’ come first', () => {
    const sigmasOf = (config: JsonConfig) => planOf(MULTISTEP, config, 9).sigmas;
    const lu = { use_lu_lambdas: true };
    expect(sigmasOf(lu)).toEqual(sigmasOf({ use_exponential_sigmas: true }));
    const karras = { use_karras_sigmas: true };
    expect(sigmasOf({ ...lu, ...karras })).toEqual(sigmasOf(karras));
  });

  test.each([
    [{ solver_order: 4 }, 'solver_order'],
    [{ use_flow_sigmas: true }, 'use_flow_sigmas'],
  ])('is refused: %j', (config, field) => {
    for (const name of KIND) {
      expect(() => planOf(name, config, 5)).toThrowError(
        expect.objectContaining({
          code: 'unsupported',
          message: expect.stringContaining(field) as string,
        }),
      );
    }
  });

  test.each([
    [MULTISTEP, { algorithm_type: 'euler' }, 'algorithm_type'],
    [MULTISTEP, { lambda_min_clipped: -5.1 }, 'lambda_min_clipped'],
    [MULTISTEP, { variance_type: 'learned_range' }, 'variance_type'],
    [SINGLESTEP, { variance_type: 'learned' }, 'variance_type'],
    ['DDPMScheduler', { variance_type: 'learned' }, 'variance_type'],
  ])('%s: is refused where it asks for what is not there: %j', (name, config, field) => {
    expect(() => planOf(name, config, 5)).toThrow(field);
  });

  test('may clip lambda where nothing is to be clipped, in both spellings', () => {
    for (const clipped of ['-inf', -Infinity, null]) {
      expect(planOf(MULTISTEP, { lambda_min_clipped: clipped }, 5).steps).toBe(5);
    }
  });
});

describe('the order', () => {
  /** How far `n` steps end from where many do. */
  async function errorOf(name: string, config: JsonConfig, n: number): Promise<number> {
    const all = { ...config, final_sigmas_type: 'sigma_min', use_exponential_sigmas: true };
    const exact = await finalOf(MULTISTEP, { ...all, solver_order: 2 }, 900);
    return distance(await finalOf(name, { ...all }, n), exact);
  }

  test.each([
    [MULTISTEP, 'dpmsolver++'],
    [MULTISTEP, 'dpmsolver'],
    [SINGLESTEP, 'dpmsolver++'],
    [DEIS, 'deis'],
  ])('pays: %s, %s', async (name, algorithm) => {
    const errors: number[] = [];
    for (const order of [1, 2, 3]) {
      errors.push(await errorOf(name, { algorithm_type: algorithm, solver_order: order }, 30));
    }
    expect(errors[1]).toBeLessThan(errors[0]! / 2);
    expect(errors[2]).toBeLessThan(errors[0]! / 2);
  });
});
