/**
 * Plans at their edges: few steps, little strength, odd configs; and what configs mean.
 */

import { describe, expect, test } from 'vitest';
import { inverseBetaCdf } from '../../../src/samplers/beta-distribution.ts';
import { alphasCumprod, noiseTableConfig } from '../../../src/samplers/noise-table.ts';
import { samplerOf, SAMPLER_NAMES, isSamplerName } from '../../../src/samplers/registry.ts';
import { schedulerConfig } from '../../../src/samplers/scheduler-config.ts';
import {
  roundHalfToEven,
  spacedTimesteps,
  type SpacingFamily,
} from '../../../src/samplers/timesteps.ts';
import { ConfigReader, type JsonConfig } from '../../../src/util/config-reader.ts';
import { readGolden } from '../../support/goldens.ts';
import { distance, normals, run, type Formula } from './support.ts';

/** The scheduler_config.json of Stable Diffusion 1.5, which PNDM wrote. */
const SD15: JsonConfig = {
  _class_name: 'PNDMScheduler',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
};

const formula: Formula = (x, t) => x.map((value) => (0.3 * value * t) / (t + 1));
const ramp = (count: number, at: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => at(i));

describe('the noise table of Stable Diffusion 1.5', () => {
  const table = alphasCumprod(noiseTableConfig(new ConfigReader('test', SD15)));

  test('is diffusers’', () => {
    expect(table).toHaveLength(1000);
    const known = { 0: 0.99914998, 1: 0.99829602, 500: 0.2763325, 998: 0.0047167, 999: 0.0046601 };
    for (const [t, alpha] of Object.entries(known)) expect(table[Number(t)]).toBeCloseTo(alpha, 7);
  });

  test('keeps its first entry and loses its last one when rescaled', () => {
    const json = { ...SD15, rescale_betas_zero_snr: true };
    const rescaled = alphasCumprod(noiseTableConfig(new ConfigReader('test', json)));
    expect(rescaled[0]).toBeCloseTo(table[0]!, 7);
    expect(rescaled[999]).toBe(0);
  });

  test('may be given as betas, or follow a cosine', () => {
    const of = (json: JsonConfig) =>
      alphasCumprod(noiseTableConfig(new ConfigReader('test', json)));
    expect([...of({ trained_betas: [0.5, 0.25] })]).toEqual([0.5, 0.375]);
    const cosine = of({ beta_schedule: 'squaredcos_cap_v2' });
    const f = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    expect(cosine[499]).toBeCloseTo(f(0.5) / f(0), 4);
    expect(cosine[999]).toBeGreaterThan(0);
  });
});

describe('timesteps', () => {
  const spaced = (family: SpacingFamily, spacing: 'leading' | 'linspace' | 'trailing', n: number) =>
    spacedTimesteps(family, { spacing, offset: 1, trainSteps: 1000 }, n);

  test.each([
    ['whole', 'leading', ramp(10, (i) => 901 - 100 * i)],
    ['sigma', 'leading', ramp(10, (i) => 901 - 100 * i)],
    ['multistep', 'leading', ramp(10, (i) => 901 - 90 * i)],
    ['whole', 'linspace', ramp(10, (i) => 999 - 111 * i)],
    ['multistep', 'linspace', [999, 899, 799, 699, 599, 500, 400, 300, 200, 100]],
    ['whole', 'trailing', ramp(10, (i) => 999 - 100 * i)],
  ] as const)('of ten steps, %s, %s', (family, spacing, expected) => {
    expect(spaced(family, spacing, 10)).toEqual(expected);
  });

  test('are fractions where sigmas are looked up between them', () => {
    expect(spaced('sigma', 'linspace', 12)[1]).toBe(Math.fround((999 * 10) / 11));
    expect(spaced('whole', 'linspace', 12)[1]).toBe(908);
  });

  test('of one step', () => {
    for (const family of ['whole', 'sigma'] as const) {
      expect(spaced(family, 'leading', 1)).toEqual([1]);
      expect(spaced(family, 'linspace', 1)).toEqual([0]);
      expect(spaced(family, 'trailing', 1)).toEqual([999]);
    }
    expect(spaced('multistep', 'leading', 1)).toEqual([501]);
    expect(spaced('multistep', 'linspace', 1)).toEqual([999]);
  });

  test('fall, and lie in the table, for every number of steps', () => {
    for (const family of ['whole', 'sigma', 'multistep'] as const) {
      for (const spacing of ['leading', 'linspace', 'trailing'] as const) {
        for (let n = 1; n < 1000; n++) {
          const timesteps = spaced(family, spacing, n);
          expect(timesteps).toHaveLength(n);
          const falls = timesteps.every((t, i) => i === 0 || t < timesteps[i - 1]!);
          expect(falls && timesteps[0]! <= 999 && timesteps.at(-1)! >= 0).toBe(true);
        }
      }
    }
  });

  test('round halves to even', () => {
    expect([0.5, 1.5, 2.5, 499.5, 2.4, 2.6].map(roundHalfToEven)).toEqual([0, 2, 2, 500, 2, 3]);
  });
});

describe('a config', () => {
  test('of another sampler counts with what it says, not with what it leaves out', async () => {
    const complete = JSON.parse(
      new TextDecoder().decode(await readGolden('sd15-from-config.json')),
    ) as Record<string, JsonConfig>;
    for (const name of SAMPLER_NAMES) {
      const own = complete[name.replace('Scheduler', '')];
      if (own === undefined) continue; // the continuous ones, of which there is no such record
      for (const strength of [undefined, 0.5]) {
        const request = { steps: 10, strength, asUpstream: true };
        const [a, b] = [SD15, own].map((config) => samplerOf(name).plan(config, request));
        expect({ ...a, sample: 0, noised: 0 }).toEqual({ ...b, sample: 0, noised: 0 });
        const start = { noise: normals(1), picture: normals(2) };
        const [x, y] = await Promise.all([run(a!, formula, start), run(b!, formula, start)]);
        expect(x.final).toEqual(y.final);
      }
    }
  });

  test('is read as Stable Diffusion’s pipelines read it: from timestep 1 on, unless it is of XL', () => {
    const file = { beta_end: 0.02, steps_offset: 0, clip_sample: true };
    const overrides = { use_karras_sigmas: true };
    expect(schedulerConfig(file, { isXl: true, overrides })).toEqual({ ...file, ...overrides });
    expect(schedulerConfig(file, { isXl: false })).toEqual({
      beta_end: 0.02,
      steps_offset: 1,
      clip_sample: false,
    });
  });

  test.each([
    [{ prediction_type: 'flow_prediction' }, 'prediction_type', 'unsupported'],
    [{ thresholding: true }, 'thresholding', 'unsupported'],
    [{ beta_schedule: 'laplace' }, 'beta_schedule', 'unsupported'],
    [{ num_train_timesteps: 'many' }, 'num_train_timesteps', 'model-malformed'],
  ])('of which something is not supported is refused: %j', (config, field, code) => {
    for (const name of SAMPLER_NAMES) {
      expect(() => samplerOf(name).plan(config, { steps: 4 })).toThrowError(
        expect.objectContaining({ code, message: expect.stringContaining(field) as string }),
      );
    }
  });

  test.each([
    [{ timestep_spacing: 'uniform' }, 'timestep_spacing'],
    [{ use_flow_sigmas: true }, 'use_flow_sigmas'],
    [{ final_sigmas_type: 'one' }, 'final_sigmas_type'],
    [{ use_karras_sigmas: true, use_beta_sigmas: true }, 'use_karras_sigmas'],
  ])('of UniPC is refused: %j', (config, field) => {
    expect(() => samplerOf('UniPCMultistepScheduler').plan(config, { steps: 4 })).toThrow(field);
  });

  test('that ends in pure noise needs a network that can say something about it', async () => {
    const config = { ...SD15, rescale_betas_zero_snr: true, timestep_spacing: 'trailing' };
    const plan = samplerOf('DDIMScheduler').plan(config, { steps: 4 });
    await expect(run(plan, formula, { noise: normals(1) })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    const leading = { ...config, timestep_spacing: 'leading' };
    const { final } = await run(samplerOf('DDIMScheduler').plan(leading, { steps: 4 }), formula, {
      noise: normals(1),
    });
    expect(final.every(Number.isFinite)).toBe(true);
  });
});

describe('image to image', () => {
  test.each(SAMPLER_NAMES)(
    '%s: leaves the picture as it is when nothing is to do',
    async (name) => {
      const plan = samplerOf(name).plan(SD15, { steps: 10, strength: 0.05 });
      expect(plan).toMatchObject({ steps: 0, timesteps: [], start: { picture: 1, noise: 0 } });
      const picture = normals(2);
      const { final, draws } = await run(plan, formula, { noise: normals(1), picture });
      expect(final).toEqual(picture);
      expect(draws).toBe(0);
    },
  );

  test.each(SAMPLER_NAMES)('%s: one step and two are the last ones', (name) => {
    const whole = samplerOf(name).plan(SD15, { steps: 10 });
    const ways = name === 'DDIMInverseScheduler' ? 2 : 1;
    for (const steps of [1, 2]) {
      const plan = samplerOf(name).plan(SD15, { steps: 10, strength: steps / 10 });
      expect(plan.steps).toBe(ways * steps);
      expect(plan.timesteps.at(-1)).toBe(whole.timesteps.at(-1));
      expect(plan.noised((ways - 1) * steps)).toEqual(whole.noised(10 - steps));
      expect(plan.start).toEqual(plan.noised(0));
    }
  });

  test.each(SAMPLER_NAMES)('%s: all of them still start from the picture', (name) => {
    const plan = samplerOf(name).plan(SD15, { steps: 10, strength: 1 });
    expect(plan.steps).toBe(name === 'DDIMInverseScheduler' ? 20 : 10);
    expect(plan.start.picture).toBeGreaterThan(0);
  });

  test.each([-0.1, 1.1, NaN])('has a strength from 0 to 1, not %d', (strength) => {
    for (const name of SAMPLER_NAMES) {
      expect(() => samplerOf(name).plan(SD15, { steps: 10, strength })).toThrow('strength');
    }
  });
});

describe('a run of', () => {
  test.each(SAMPLER_NAMES)('one step or two is finite: %s', async (name) => {
    for (const steps of [1, 2]) {
      for (const extra of [{}, { use_karras_sigmas: true }, { timestep_spacing: 'trailing' }]) {
        const plan = samplerOf(name).plan({ ...SD15, ...extra }, { steps });
        const { final, samples } = await run(plan, formula, { noise: normals(1) });
        expect(samples).toHaveLength(steps);
        expect(final.every(Number.isFinite)).toBe(true);
      }
    }
  });

  test('a repeated last sigma changes nothing in its last step', async () => {
    const config = {
      use_karras_sigmas: true,
      final_sigmas_type: 'sigma_min',
      lower_order_final: false,
    };
    const plan = samplerOf('UniPCMultistepScheduler').plan({ ...SD15, ...config }, { steps: 8 });
    const { sigmas = [] } = plan;
    expect(sigmas[8]).toBe(sigmas[7]);
    const { final } = await run(plan, formula, { noise: normals(1) });
    expect(final.every(Number.isFinite)).toBe(true);
  });

  test.each([0, -1, 1.5, 1001, NaN])('%d steps is refused', (steps) => {
    for (const name of SAMPLER_NAMES) {
      expect(() => samplerOf(name).plan(SD15, { steps })).toThrowError(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    }
  });

  test('LCM has as many steps as it was distilled from at most', () => {
    expect(samplerOf('LCMScheduler').plan(SD15, { steps: 4 }).timesteps).toEqual([
      999, 759, 499, 259,
    ]);
    expect(() => samplerOf('LCMScheduler').plan(SD15, { steps: 51 })).toThrow('from 1 to 50');
  });

  test('DDIM has an eta from 0 to 1', () => {
    for (const eta of [-1, 2, NaN]) {
      expect(() => samplerOf('DDIMScheduler').plan(SD15, { steps: 4, eta })).toThrow('eta');
    }
  });

  test('what inpainting pastes is as noisy as the sample', () => {
    const plan = samplerOf('DDIMScheduler').plan(SD15, { steps: 10, strength: 0.3 });
    const table = alphasCumprod(noiseTableConfig(new ConfigReader('test', SD15)));
    expect(plan.noised(1)).toEqual({
      picture: Math.sqrt(table[101]!),
      noise: Math.sqrt(1 - table[101]!),
    });
    expect(plan.noised(3)).toEqual({ picture: 1, noise: 0 });
  });
});

describe('the registry', () => {
  test('knows its names and no others', () => {
    expect(SAMPLER_NAMES).toContain('DDIMScheduler');
    expect(isSamplerName('DDIMScheduler')).toBe(true);
    expect(isSamplerName('toString')).toBe(false);
    expect(() => samplerOf('FooScheduler')).toThrowError(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringContaining('DDIM') as string,
      }),
    );
  });
});

describe('quantiles of the beta distribution', () => {
  test('are those of the arcsine and the uniform distribution where it is one', () => {
    for (const p of [0, 1e-3, 0.2, 0.5, 0.77, 1]) {
      expect(inverseBetaCdf(p, 0.5)).toBeCloseTo(Math.sin((Math.PI * p) / 2) ** 2, 8);
      expect(inverseBetaCdf(p, 1)).toBeCloseTo(p, 8);
    }
  });

  test('are scipy’s: beta.ppf(1 - i/11, 0.6, 0.6), by the sigmas that came of them', async () => {
    const config = { ...SD15, use_beta_sigmas: true };
    const { sigmas = [] } = samplerOf('UniPCMultistepScheduler').plan(config, { steps: 12 });
    const expected = [
      14.6146469, 14.1213599, 13.077774, 11.6745157, 10.0282345, 8.2396707, 6.4041438,
    ];
    expect(distance(sigmas.slice(0, 7), expected)).toBeLessThan(1e-7);
  });
});
