/**
 * What holds for every sampler, whatever is asked of it.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { samplerOf, SAMPLER_NAMES, type SamplerName } from '../../../src/samplers/registry.ts';
import type { SamplingPlan, SamplingRequest } from '../../../src/samplers/sampler.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { distance, normals, run, type Formula, type Numbers } from './support.ts';

/** Which samplers draw noise as they go. */
const DRAWS: Record<SamplerName, boolean> = {
  DDIMScheduler: false,
  EulerAncestralDiscreteScheduler: true,
  UniPCMultistepScheduler: false,
  LCMScheduler: true,
};

const SD15: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
};

const names = fc.constantFrom(...SAMPLER_NAMES);
const steps = fc.integer({ min: 1, max: 50 });
const strengths = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
const configs = fc.record({
  timestep_spacing: fc.constantFrom('leading', 'linspace', 'trailing'),
  prediction_type: fc.constantFrom('epsilon', 'v_prediction', 'sample'),
  use_karras_sigmas: fc.boolean(),
  solver_order: fc.integer({ min: 1, max: 3 }),
  solver_type: fc.constantFrom('bh1', 'bh2'),
  predict_x0: fc.boolean(),
  lower_order_final: fc.boolean(),
});

const planned = fc.record({ name: names, steps, strength: strengths, config: configs });

function planOf(
  { name, config, ...request }: { name: SamplerName; config: JsonConfig } & SamplingRequest,
  more: JsonConfig = {},
): SamplingPlan {
  return samplerOf(name).plan({ ...SD15, ...config, ...more }, request);
}

/** A network that knows the picture, told by each sample's level in the training table. */
function perfect(picture: Numbers, type: string): Formula {
  let product = 1;
  const alphas = Array.from({ length: 1000 }, (_, t) => {
    const root = Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * t) / 999;
    return (product *= 1 - root ** 2);
  });
  return (x, t) => {
    const low = Math.min(Math.floor(t), 998);
    const sigmaAt = (i: number): number => Math.sqrt((1 - alphas[i]!) / alphas[i]!);
    const sigma = sigmaAt(low) + (sigmaAt(low + 1) - sigmaAt(low)) * (t - low);
    const a = 1 / Math.hypot(sigma, 1);
    const s = sigma * a;
    return x.map((value, i) => {
      const x0 = picture[i]!;
      const eps = (value - a * x0) / s;
      return type === 'epsilon' ? eps : type === 'sample' ? x0 : a * eps - s * x0;
    });
  };
}

const formula: Formula = (x, t) =>
  x.map((value) => (0.3 * value * t) / (t + 1) + 0.1 * Math.cos(value));

describe('a perfect network', () => {
  const picture = normals(5);

  test('has its picture reproduced', async () => {
    const cases = fc.record({ name: names, steps, strength: strengths, config: configs });
    await fc.assert(
      fc.asyncProperty(cases, async (request) => {
        // The picture is where there is no noise left; Karras' sigmas lie between the whole timesteps
        // at which such a network is told to look.
        const plan = planOf(request, { set_alpha_to_one: true, use_karras_sigmas: false });
        const type = request.config.prediction_type;
        const { final } = await run(plan, perfect(picture, type), { noise: normals(1), picture });
        // diffusers' DDIM stops at timestep 0, where 3 % of noise is left, if floor(T/n) leads there.
        const isShort =
          request.name === 'DDIMScheduler' && request.config.timestep_spacing === 'trailing';
        expect(distance(final, picture)).toBeLessThan(isShort ? 0.05 : 1e-3);
      }),
      { numRuns: 150 },
    );
  });

  test('is seen in every step of a preview', async () => {
    for (const name of SAMPLER_NAMES) {
      const plan = samplerOf(name).plan(SD15, { steps: 8 });
      const { originals } = await run(plan, perfect(picture, 'epsilon'), { noise: normals(1) });
      expect(originals).toHaveLength(8);
      for (const original of originals) expect(distance(original, picture)).toBeLessThan(1e-3);
    }
  });
});

describe('a plan', () => {
  test('says how many evaluations and steps there will be, and what is evaluated', async () => {
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const plan = planOf(request);
        const outcome = await run(plan, formula, { noise: normals(1), picture: normals(2) });
        const { steps: n, strength = 1 } = request;
        expect(plan.steps).toBe(Math.floor(n * strength));
        expect(outcome.samples).toHaveLength(plan.steps);
        expect(outcome.evaluated).toEqual(plan.timesteps);
        expect(plan.timesteps).toHaveLength(plan.steps); // one evaluation a step, by each of these
        expect([undefined, plan.steps + 1]).toContain(plan.sigmas?.length);
        expect(outcome.final.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('goes from noise to the picture, and says so', () => {
    fc.assert(
      fc.property(planned, (request) => {
        const plan = planOf(request);
        const ratios = Array.from({ length: plan.steps + 1 }, (_, done) => {
          const { picture, noise } = plan.noised(done);
          return noise / picture;
        });
        expect(ratios.every((ratio, i) => i === 0 || ratio <= ratios[i - 1]!)).toBe(true);
        expect(plan.noised(plan.steps)).toEqual({ picture: 1, noise: 0 });
        const isFromNoise = request.strength === undefined;
        const { noise } = plan.start;
        expect(plan.start).toEqual(isFromNoise ? { picture: 0, noise } : plan.noised(0));
      }),
    );
  });
});

describe('a run', () => {
  test('gives the same picture again, and another one for other noise', async () => {
    await fc.assert(
      fc.asyncProperty(planned, fc.integer({ min: 0, max: 2 ** 32 - 1 }), async (request, seed) => {
        const plan = planOf({ ...request, strength: undefined });
        const [a, b, c] = await Promise.all(
          [seed, seed, seed + 1].map((noiseSeed) =>
            run(plan, formula, { noise: normals(noiseSeed), seed: noiseSeed }),
          ),
        );
        expect(a!.final).toEqual(b!.final);
        expect(a!.final).not.toEqual(c!.final);
      }),
      { numRuns: 40 },
    );
  });

  test('asks for noise only if its sampler is one that does, once a step but the last', async () => {
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const plan = planOf(request);
        const { draws } = await run(plan, formula, { noise: normals(1), picture: normals(2) });
        expect(draws).toBe(DRAWS[request.name] ? Math.max(plan.steps - 1, 0) : 0);
      }),
      { numRuns: 60 },
    );
  });

  test('of DDIM asks for noise in every step where eta is above 0', async () => {
    const config = { ...SD15, set_alpha_to_one: false };
    for (const eta of [0.3, 1]) {
      const plan = samplerOf('DDIMScheduler').plan(config, { steps: 6, eta });
      expect((await run(plan, formula, { noise: normals(1) })).draws).toBe(6);
    }
  });

  test('keeps few samples in memory, however many steps it takes', async () => {
    for (const [name, most] of [
      ['DDIMScheduler', 2],
      ['EulerAncestralDiscreteScheduler', 3],
      ['UniPCMultistepScheduler', 8], // sample, last and two outputs, before and after a step
      ['LCMScheduler', 3],
    ] as const) {
      const made = new Set<number>();
      for (const n of [5, 20]) {
        const plan = samplerOf(name).plan(SD15, { steps: n });
        const { store } = await run(plan, formula, { noise: normals(1) });
        expect(store.used).toBe(1); // the result
        made.add(store.made);
      }
      expect([...made]).toHaveLength(1);
      expect([...made][0]).toBeLessThanOrEqual(most);
    }
  });
});
