/**
 * What is particular to samplers over whole timesteps: PNDM's beginnings, DDIM's inversion, DDPM's variances.
 */

import { describe, expect, test } from 'vitest';
import { alphasCumprod, noiseTableConfig } from '../../../src/samplers/noise-table.ts';
import { runSampling } from '../../../src/samplers/driver.ts';
import { samplerOf } from '../../../src/samplers/registry.ts';
import type { SamplingRequest } from '../../../src/samplers/sampler.ts';
import { CpuStore } from '../../../src/samplers/store.ts';
import { ConfigReader, type JsonConfig } from '../../../src/util/config-reader.ts';
import { distance, normals, run, type Formula } from './support.ts';

/** As Stable Diffusion 1.5 has it. */
const SD15: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  set_alpha_to_one: false,
  skip_prk_steps: true,
};

const table = alphasCumprod(noiseTableConfig(new ConfigReader('test', SD15)));

/** The noise in a sample of data whose numbers are normal and independent, with a deviation of 0.5. */
const gaussian: Formula = (x, t) => {
  const alpha = table[t]!;
  const variance = alpha * 0.25 + 1 - alpha;
  return x.map((value) => (Math.sqrt(1 - alpha) / variance) * value);
};

/** What DDIM's equation brings such a sample to, from a level to the first training timestep's. */
const exactFactor = (t: number): number =>
  Math.sqrt((table[0]! * 0.25 + 1 - table[0]!) / (table[t]! * 0.25 + 1 - table[t]!));

const planOf = (name: string, request: SamplingRequest, config: JsonConfig = {}) =>
  samplerOf(name).plan({ ...SD15, ...config }, request);

describe('PNDM', () => {
  test('takes one improved Euler step, then several outputs at once', () => {
    const { timesteps, steps } = planOf('PNDMScheduler', { steps: 5 });
    expect(timesteps).toEqual([801, 601, 601, 401, 201, 1]);
    expect(steps).toBe(5);
  });

  test('takes three of Runge and Kutta’s steps where they are not skipped, and there is room', () => {
    const whole = planOf('PNDMScheduler', { steps: 5 }, { skip_prk_steps: false });
    expect(whole.timesteps).toEqual([
      801, 701, 701, 601, 601, 501, 501, 401, 401, 301, 301, 201, 201, 1,
    ]);
    expect(whole.steps).toBe(5);
    for (const request of [{ steps: 3 }, { steps: 10, strength: 0.3 }]) {
      const short = planOf('PNDMScheduler', request, { skip_prk_steps: false });
      expect(short.timesteps).toEqual(planOf('PNDMScheduler', request).timesteps);
    }
  });

  test('starts from a picture as it starts from noise', () => {
    const request = { steps: 10, strength: 0.6 };
    const { timesteps, start, steps } = planOf('PNDMScheduler', request);
    expect(timesteps).toEqual([501, 401, 401, 301, 201, 101, 1]);
    expect(steps).toBe(6);
    expect(start.picture ** 2).toBeCloseTo(table[501]!, 7);
  });

  test('as upstream, it starts in the middle of the list: at a timestep before, out of phase', () => {
    const request = { steps: 10, strength: 0.6, asUpstream: true };
    const { timesteps, start } = planOf('PNDMScheduler', request);
    expect(timesteps).toEqual([601, 501, 401, 301, 201, 101, 1]);
    expect(start.picture ** 2).toBeCloseTo(table[601]!, 7);
  });

  test('ends nearer to the exact solution than upstream does, from the middle', async () => {
    const errors: number[] = [];
    for (const asUpstream of [false, true]) {
      const plan = planOf('PNDMScheduler', { steps: 20, strength: 0.5, asUpstream });
      const from = normals(3);
      // A picture and noise whose mixture has the level's own variance.
      const [noise, picture] = [normals(4), from.map((value) => value / 2)];
      const { final } = await run(plan, gaussian, { noise, picture });
      const { picture: a, noise: s } = plan.start;
      const exact = from.map((_, i) => {
        return exactFactor(plan.timesteps[0]!) * (a * picture[i]! + s * noise[i]!);
      });
      errors.push(distance(final, exact));
    }
    expect(errors[0]).toBeLessThan(0.02);
    expect(errors[1]).toBeGreaterThan(1.5 * errors[0]!);
  });
});

describe('DDIM’s inversion', () => {
  const picture = normals(2).map((value) => value / 2);
  const noise = normals(1);

  test('finds noise that DDIM makes the picture of, and makes it', async () => {
    const plan = planOf('DDIMInverseScheduler', { steps: 100, strength: 0.8 });
    expect(plan.start).toEqual({ picture: 1, noise: 0 });
    expect(plan.steps).toBe(160);
    expect(plan.timesteps.slice(0, 80)).toEqual(plan.timesteps.slice(80).reverse());
    const { final, samples } = await run(plan, gaussian, { noise, picture });
    expect(distance(final, picture)).toBeLessThan(0.05);
    const found = samples[79]!;
    const alpha = table[plan.timesteps[79]!]!;
    const variance = found.reduce((total, value) => total + value ** 2, 0) / found.length;
    expect(variance / (alpha * 0.25 + 1 - alpha)).toBeCloseTo(1, 0);
    expect(plan.noised(80).picture ** 2).toBeCloseTo(alpha, 6);
  });

  test('inverts without the prompt, and draws with it', async () => {
    const plan = planOf('DDIMInverseScheduler', { steps: 4, strength: 0.5 });
    const guided: boolean[] = [];
    await runSampling(plan, {
      store: new CpuStore(picture.length),
      source: { normal: () => noise },
      noise,
      picture,
      evaluate: ({ isGuided }) => {
        guided.push(isGuided);
        return Promise.resolve({ output: [{ buffer: noise, coefficient: 1 }] });
      },
    });
    expect(guided).toEqual([false, false, true, true]);
  });

  test('does not care what noise there is', async () => {
    const plan = planOf('DDIMInverseScheduler', { steps: 10, strength: 0.5 });
    const [a, b] = await Promise.all(
      [noise, normals(9)].map((other) => run(plan, gaussian, { noise: other, picture })),
    );
    expect(a!.final).toEqual(b!.final);
  });

  test('is DDIM without a picture, and stops at the noise as upstream', async () => {
    const [inverse, ddim] = ['DDIMInverseScheduler', 'DDIMScheduler'].map((name) =>
      run(planOf(name, { steps: 6 }), gaussian, { noise }),
    );
    expect((await inverse!).final).toEqual((await ddim!).final);
    const { timesteps, start } = planOf('DDIMInverseScheduler', { steps: 4, asUpstream: true });
    expect(timesteps).toEqual([1, 251, 501, 751]);
    expect(start).toEqual({ picture: 0, noise: 1 });
  });

  test.each(['epsilon', 'v_prediction', 'sample'])(
    'is finite from a picture without any noise: %s',
    async (type) => {
      const config = { set_alpha_to_one: true, prediction_type: type };
      const plan = planOf('DDIMInverseScheduler', { steps: 3, strength: 1 }, config);
      const { final } = await run(plan, gaussian, { noise, picture });
      expect(final.every(Number.isFinite)).toBe(true);
    },
  );
});

describe('DDPM', () => {
  test.each(['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log', null])(
    'draws with a variance of %s',
    async (variance) => {
      const plan = planOf('DDPMScheduler', { steps: 8 }, { variance_type: variance });
      // A network that sees no noise leaves the sample to the sampler.
      const none: Formula = (x) => x.map(() => 0);
      const { samples, draws } = await run(plan, none, { noise: normals(1, 65536).fill(0) });
      const isLarge = variance?.startsWith('fixed_large') === true;
      expect(draws).toBe(isLarge ? 8 : 7);
      const [alpha, alphaNext] = [table[876]!, table[751]!];
      const beta = 1 - alpha / alphaNext;
      const expected = isLarge ? beta : ((1 - alphaNext) / (1 - alpha)) * beta;
      const [first] = samples as [Float32Array];
      const measured = first.reduce((total, value) => total + value ** 2, 0) / first.length;
      expect(measured / expected).toBeCloseTo(1, 1);
    },
  );
});
