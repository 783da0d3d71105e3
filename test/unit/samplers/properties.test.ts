/**
 * What holds for every sampler, whatever is asked of it. A new sampler gets a line in `FACTS`.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEngineError } from '../../../src/errors.ts';
import { samplerOf, SAMPLER_NAMES, type SamplerName } from '../../../src/samplers/registry.ts';
import type { SamplingPlan, SamplingRequest } from '../../../src/samplers/sampler.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { distance, normals, run, type Formula, type Numbers } from './support.ts';

const ALL_SPACINGS = ['leading', 'linspace', 'trailing'] as const;

type Spacing = (typeof ALL_SPACINGS)[number];

/** What a sampler is known for, in runs of at least one step. */
type Facts = {
  /** Evaluations of the network in `n` steps. */
  readonly evaluations: (n: number) => number;
  /** Draws of noise; none where there is no such line. */
  readonly draws?: (plan: SamplingPlan) => number;
  /** Spacings at whose end some noise is left, as in diffusers: 3 % at timestep 0. */
  readonly endsShort?: readonly Spacing[];
  /** Whether it follows that spacing's steps, and mixes such outputs rightly; default yes. */
  readonly reproduces?: (spacing: Spacing, type: string) => boolean;
  /** Takes a given picture to noise before it draws, in as many steps. */
  readonly isInverse?: boolean;
};

const once = (n: number): number => n;
const twiceButLast = (n: number): number => 2 * n - 1;
const betweenSteps = (plan: SamplingPlan): number => plan.steps - 1;

/** Steps whose sigma is raised, by default: those above 0.05, but not above what the network knows. */
const churned = ({ sigmas = [] }: SamplingPlan): number =>
  sigmas.filter((sigma) => sigma >= 0.05 && sigma < 14.6).length;

const FACTS: Record<string, Facts> = {
  DDPMScheduler: { evaluations: once, draws: betweenSteps },
  DDIMScheduler: { evaluations: once, endsShort: ['trailing'] },
  PNDMScheduler: {
    evaluations: (n) => (n === 1 ? 1 : n + 1),
    reproduces: (spacing, type) => spacing === 'leading' && type === 'epsilon',
  },
  LMSDiscreteScheduler: { evaluations: once },
  EulerDiscreteScheduler: { evaluations: once },
  EulerAncestralDiscreteScheduler: { evaluations: once, draws: betweenSteps },
  DPMSolverMultistepScheduler: { evaluations: once },
  HeunDiscreteScheduler: { evaluations: twiceButLast },
  KDPM2DiscreteScheduler: { evaluations: twiceButLast },
  DPMSolverSinglestepScheduler: { evaluations: once },
  KDPM2AncestralDiscreteScheduler: { evaluations: twiceButLast, draws: betweenSteps },
  UniPCMultistepScheduler: { evaluations: once },
  DDIMInverseScheduler: { evaluations: once, endsShort: ['trailing'], isInverse: true },
  DEISMultistepScheduler: { evaluations: once, endsShort: ALL_SPACINGS },
  IPNDMScheduler: { evaluations: once },
  KarrasVeScheduler: { evaluations: twiceButLast, draws: churned },
  ScoreSdeVeScheduler: { evaluations: (n) => 2 * n, draws: (plan) => 2 * plan.steps - 1 },
  LCMScheduler: { evaluations: once, draws: betweenSteps },
};

const factsOf = (name: SamplerName): Facts => {
  const facts = FACTS[name];
  if (facts === undefined) throw new Error(`${name} has no facts: add a line`);
  return facts;
};

const SD15: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  skip_prk_steps: true,
};

const names = fc.constantFrom(...SAMPLER_NAMES);
const steps = fc.integer({ min: 1, max: 50 });
const strengths = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
const configs = fc.record({
  timestep_spacing: fc.constantFrom(...ALL_SPACINGS),
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

const start = { noise: normals(1), picture: normals(2) };

describe('a perfect network', () => {
  const picture = normals(5);

  test('has its picture reproduced', async () => {
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const { timestep_spacing: spacing, prediction_type: type } = request.config;
        const { endsShort = [], reproduces = () => true } = factsOf(request.name);
        fc.pre(reproduces(spacing, type));
        // The picture is where there is no noise left; Karras' sigmas lie between the whole timesteps
        // at which such a network is told to look.
        const plan = planOf(request, { set_alpha_to_one: true, use_karras_sigmas: false });
        const { final } = await run(plan, perfect(picture, type), { noise: start.noise, picture });
        expect(distance(final, picture)).toBeLessThan(endsShort.includes(spacing) ? 0.05 : 1e-3);
      }),
      { numRuns: 300 },
    );
  });

  test('is seen in every step of a preview', async () => {
    for (const name of SAMPLER_NAMES) {
      const plan = samplerOf(name).plan(SD15, { steps: 8 });
      const { originals } = await run(plan, perfect(picture, 'epsilon'), start);
      expect(originals).toHaveLength(8);
      for (const original of originals) expect(distance(original, picture)).toBeLessThan(2e-3);
    }
  });
});

describe('a plan', () => {
  test('says how many evaluations and steps there will be, and what is evaluated', async () => {
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const plan = planOf(request);
        const outcome = await run(plan, formula, start);
        const { steps: n, strength } = request;
        const { evaluations, isInverse = false } = factsOf(request.name);
        const ways = isInverse && strength !== undefined ? 2 : 1;
        expect(plan.steps).toBe(ways * Math.floor(n * (strength ?? 1)));
        expect(outcome.samples).toHaveLength(plan.steps);
        expect(outcome.evaluated).toEqual(plan.timesteps);
        expect(plan.timesteps).toHaveLength(plan.steps === 0 ? 0 : evaluations(plan.steps));
        expect([undefined, plan.steps + 1]).toContain(plan.sigmas?.length);
        expect(outcome.final.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('goes from noise to the picture, and says so', () => {
    fc.assert(
      fc.property(planned, (request) => {
        fc.pre(factsOf(request.name).isInverse !== true || request.strength === undefined);
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
      { numRuns: 200 },
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
      { numRuns: 100 },
    );
  });

  test('asks for noise only if its sampler is one that does, and as often as is known', async () => {
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const plan = planOf(request);
        const { draws: asked } = await run(plan, formula, start);
        const { draws = () => 0 } = factsOf(request.name);
        expect(asked).toBe(plan.steps === 0 ? 0 : draws(plan));
      }),
      { numRuns: 150 },
    );
  });

  test('draws a picture of a batch as it would draw it alone', async () => {
    const two = (a: Numbers, b: Numbers): Numbers => Float32Array.of(...a, ...b);
    const alone = [3, 4].map((seed) => ({ noise: normals(seed), picture: normals(seed + 10) }));
    const [first, second] = alone as [(typeof alone)[0], (typeof alone)[0]];
    const together = {
      noise: two(first.noise, second.noise),
      picture: two(first.picture, second.picture),
    };
    await fc.assert(
      fc.asyncProperty(planned, async (request) => {
        const plan = planOf(request);
        const batch = await run(plan, formula, { ...together, seed: 8, pictures: 2 });
        const singles = await Promise.all(
          alone.map((each, i) => run(plan, formula, { ...each, seed: 8 + i })),
        );
        expect(batch.final).toEqual(two(singles[0]!.final, singles[1]!.final));
      }),
      { numRuns: 80 },
    );
  });

  test('of DDIM asks for noise in every step where eta is above 0', async () => {
    const config = { ...SD15, set_alpha_to_one: false };
    for (const eta of [0.3, 1]) {
      const plan = samplerOf('DDIMScheduler').plan(config, { steps: 6, eta });
      expect((await run(plan, formula, start)).draws).toBe(6);
    }
  });

  test('with churn asks for noise where sigma is in its range', async () => {
    const churn = { amount: 3, from: 0.1, to: 10 };
    for (const name of ['EulerDiscreteScheduler', 'KarrasVeScheduler'] as const) {
      const plan = samplerOf(name).plan(SD15, { steps: 12, churn });
      const { draws } = await run(plan, formula, start);
      const raised = (plan.sigmas ?? []).filter((sigma) => sigma >= 0.1 && sigma <= 10);
      expect(raised.length).toBeGreaterThan(5);
      expect(draws).toBe(raised.length);
      const without = samplerOf(name).plan(SD15, { steps: 12, churn: { amount: 0 } });
      expect((await run(without, formula, start)).draws).toBe(0);
    }
  });

  test('keeps few samples in memory, however many steps it takes', async () => {
    for (const name of SAMPLER_NAMES) {
      const made: number[] = [];
      for (const n of [8, 20]) {
        const { store } = await run(samplerOf(name).plan(SD15, { steps: n }), formula, start);
        expect(store.used).toBe(1); // the result
        made.push(store.made);
      }
      expect(made[1]).toBe(made[0]);
      expect(made[0]).toBeLessThanOrEqual(10); // a sample and four outputs, before and after a step
    }
  });
});

describe('every configuration', () => {
  const wild = fc.record({
    timestep_spacing: fc.constantFrom(...ALL_SPACINGS),
    prediction_type: fc.constantFrom('epsilon', 'v_prediction', 'sample'),
    beta_schedule: fc.constantFrom('linear', 'scaled_linear', 'squaredcos_cap_v2'),
    rescale_betas_zero_snr: fc.boolean(),
    steps_offset: fc.integer({ min: 0, max: 1 }),
    sigmas: fc.constantFrom('', 'use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas'),
    final_sigmas_type: fc.constantFrom('zero', 'sigma_min'),
    solver_order: fc.integer({ min: 1, max: 3 }),
    solver_type: fc.constantFrom('bh1', 'bh2', 'midpoint', 'heun', 'logrho'),
    algorithm_type: fc.constantFrom('dpmsolver', 'dpmsolver++', 'sde-dpmsolver++', 'deis'),
    predict_x0: fc.boolean(),
    lower_order_final: fc.boolean(),
    euler_at_final: fc.boolean(),
    set_alpha_to_one: fc.boolean(),
    skip_prk_steps: fc.boolean(),
  });
  const requests = fc.record({
    steps: fc.oneof({ arbitrary: steps, weight: 30 }, fc.integer({ min: 1, max: 250 })),
    strength: strengths,
    asUpstream: fc.boolean(),
    churn: fc.option(fc.record({ amount: fc.double({ min: 0, max: 100, noNaN: true }) }), {
      nil: undefined,
    }),
  });

  const refusal =
    /rescale_betas_zero_snr|number of steps must be|LCM takes|is not supported, only|needs? final_sigmas_type/;

  test('gives finite numbers, or says why not', async () => {
    const few = { noise: normals(1, 8), picture: normals(2, 8) };
    // What diffusers' own forms ask for; a network that says something else lets samples grow without end.
    const own: Partial<Record<SamplerName, Formula>> = {
      KarrasVeScheduler: (x, sigma) => x.map((value) => -value / Math.hypot(sigma, 1)),
      ScoreSdeVeScheduler: (x, sigma) => x.map((value) => -value / (sigma ** 2 + 1)),
    };
    await fc.assert(
      fc.asyncProperty(names, wild, requests, async (name, { sigmas, ...config }, request) => {
        const full = { ...SD15, ...config, ...(sigmas === '' ? {} : { [sigmas]: true }) };
        const network = (request.asUpstream ? own[name] : undefined) ?? formula;
        const outcome = await Promise.resolve()
          .then(() => run(samplerOf(name).plan(full, request), network, few))
          .catch((error: unknown) => {
            if (isEngineError(error) && refusal.test(error.message)) return undefined;
            throw error;
          });
        expect(outcome?.final.every(Number.isFinite)).not.toBe(false);
      }),
      { numRuns: 400 },
    );
  });
});
