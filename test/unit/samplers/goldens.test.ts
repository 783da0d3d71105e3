/**
 * Samplers against diffusers, oddities included. Both work in f32 between steps and differ in how they round
 * within one, which leaves less than 2e-5 (f32 at a sigma of 4096); 1e-4 is what is promised.
 */

import { describe, expect, test } from 'vitest';
import { isSamplerName, samplerOf, SAMPLER_NAMES } from '../../../src/samplers/registry.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { schedulersCases } from '../../../tools/conformance/schedulers-cases.ts';
import { readGolden } from '../../support/goldens.ts';
import { distance, run, type Numbers } from './support.ts';

/** Runs of schedulers.json by sampler. */
const RUNS: Record<string, number> = {
  DDPMScheduler: 10,
  DDIMScheduler: 10,
  PNDMScheduler: 9,
  LMSDiscreteScheduler: 15,
  EulerDiscreteScheduler: 17,
  EulerAncestralDiscreteScheduler: 10,
  DPMSolverMultistepScheduler: 24,
  HeunDiscreteScheduler: 15,
  KDPM2DiscreteScheduler: 15,
  DPMSolverSinglestepScheduler: 20,
  KDPM2AncestralDiscreteScheduler: 15,
  UniPCMultistepScheduler: 19,
  DDIMInverseScheduler: 6,
  DEISMultistepScheduler: 21,
  IPNDMScheduler: 3,
  KarrasVeScheduler: 2,
  ScoreSdeVeScheduler: 2,
  LCMScheduler: 10,
};

/** Runs of which the file has nothing but the end and the sigmas. */
const BRIEF = /\/(KarrasVe|ScoreSdeVe)Scheduler,/;

const all = await schedulersCases(new GoldenFolder(readGolden));
const cases = all.filter(({ name }) => SAMPLER_NAMES.some((each) => name.includes(`/${each},`)));

describe('schedulers.json', () => {
  test('has runs of every sampler', () => {
    const runsOf = (name: string) => cases.filter((each) => each.name.includes(`/${name},`)).length;
    for (const name of SAMPLER_NAMES) expect(runsOf(name)).toBe(RUNS[name]);
    expect(all).toHaveLength(223);
  });

  test.each(cases)('$name', async ({ name, run: compared, tolerance }) => {
    expect(tolerance).toBe(1e-4);
    const comparisons = await compared(undefined as never); // needs no runtime
    // final, timesteps, trace; sigmas, and first where the first step takes one evaluation
    expect(comparisons.length).toBeGreaterThanOrEqual(BRIEF.test(name) ? 2 : 3);
    for (const comparison of comparisons) expect(relativeError(comparison)).toBeLessThan(2e-5);
  });

  test('of a sampler that does not exist fails by name', async () => {
    const other = all.find(({ name }) => !cases.some((each) => each.name === name));
    if (other === undefined) return;
    await expect(other.run(undefined as never)).rejects.toThrow('Unknown scheduler');
  });
});

type GoldenRecord = {
  readonly scheduler: string;
  readonly config?: JsonConfig;
  readonly eta?: number;
  readonly s_churn?: number;
  readonly s_noise?: number;
  readonly num_inference_steps: number;
  readonly timesteps_all?: number[];
  readonly sigmas?: number[];
  readonly init_noise_sigma?: number;
  readonly strength?: number;
  readonly begin_index?: number;
  readonly noise_draws?: number;
  readonly trace_abs_sum: (number | string)[];
  readonly result: { first8: number[]; last8: number[] };
};

const { records } = JSON.parse(
  new TextDecoder().decode(await readGolden('diffusers-schedulers.json')),
) as { records: GoldenRecord[] };

/** The config of records that name none. */
const BASE = records.find(({ scheduler }) => scheduler === 'DDIMScheduler')?.config ?? {};

/** A record's name: what differs from SD 1.5's config. */
function nameOf({
  scheduler,
  config,
  num_inference_steps: n,
  strength,
  eta,
  s_churn: churn,
}: GoldenRecord): string {
  const changes = Object.entries(config ?? {}).filter(([field, value]) => BASE[field] !== value);
  return `${scheduler} ${n} ${JSON.stringify({ ...Object.fromEntries(changes), strength, eta, churn })}`;
}

/** The counter of the file's `dummy_sample_deter`, of [1, 4, 8, 8]; or running backwards. */
const counter = (backwards: boolean): Numbers =>
  Float32Array.from({ length: 256 }, (_, i) => 2 * ((backwards ? 255 - i : i) / 256) - 1);

const formula = (x: Numbers, t: number): Numbers =>
  x.map((value) => Math.fround(value * Math.fround(t)) / Math.fround(t + 1));

/**
 * The largest sigma's timestep is 999 or just below, depending on the last bit of a table, which changed from
 * torch 1.13, that this file comes from, to 2.13, that this matches; then it is cut off to a whole number.
 * Else what counts is that neighbours in f32 are 6e-5 apart there.
 */
const timestepTolerance = (config: JsonConfig): number =>
  config['use_exponential_sigmas'] === true || config['use_beta_sigmas'] === true ? 1 : 2e-4;

/** Sigmas once each, where a step's evaluations repeat them, and 0 at the end. */
const distinct = (sigmas: readonly number[]): number[] =>
  sigmas.filter((sigma, i) => sigma !== sigmas[i - 1]);

const absoluteSum = (values: Numbers): number =>
  values.reduce((total, value) => total + Math.abs(value), 0);

describe('diffusers-schedulers.json', () => {
  const known = records.filter(({ scheduler }) => isSamplerName(scheduler));
  const finite = known.filter((record) =>
    record.trace_abs_sum.every((value) => typeof value === 'number'),
  );

  test('has records of every sampler but the continuous ones', () => {
    expect(records).toHaveLength(195);
    const names = SAMPLER_NAMES.filter((name) => !BRIEF.test(`/${name},`));
    expect(new Set(finite.map(({ scheduler }) => scheduler))).toEqual(new Set(names));
  });

  test.each(finite.map((record) => [nameOf(record), record] as const))('%s', async (_, record) => {
    const { config = BASE, num_inference_steps: steps, strength, eta } = record;
    const begin = record.begin_index ?? 0;
    const { s_churn: amount, s_noise: noise } = record;
    const plan = samplerOf(record.scheduler).plan(config, {
      steps,
      strength,
      eta,
      churn: amount === undefined ? undefined : { amount, noise },
      asUpstream: true,
    });
    const base = counter(false);
    const isGiven = strength !== undefined;
    const outcome = await run(plan, formula, {
      seed: 0,
      noise: isGiven ? counter(true) : base,
      ...(isGiven ? { picture: base } : {}),
    });

    expect(plan.timesteps).toEqual(outcome.evaluated);
    for (const [i, t] of (record.timesteps_all ?? []).slice(begin).entries()) {
      expect(Math.abs(plan.timesteps[i]! - t)).toBeLessThanOrEqual(timestepTolerance(config));
    }
    const { sigmas = [] } = plan;
    const isEachOnce = plan.timesteps.length === plan.steps;
    const there = isEachOnce ? (record.sigmas ?? sigmas) : distinct(record.sigmas ?? sigmas);
    expect(distance(sigmas, there.slice(-sigmas.length))).toBeLessThan(1e-6);
    const initial = isGiven ? undefined : record.init_noise_sigma;
    expect(plan.start.noise / (initial ?? plan.start.noise)).toBeCloseTo(1, 6);
    // Most of diffusers' samplers draw for their last step, too, and multiply by 0; churn draws at every sigma.
    const draws = record.noise_draws ?? steps;
    expect(draws === 0 ? [0] : [draws - 1, draws]).toContain(outcome.draws);
    for (const [i, sample] of outcome.samples.entries()) {
      // The record has a sum for each evaluation, also for those within a step.
      const expected = Number(record.trace_abs_sum[outcome.evaluatedBy[i]! - 1]);
      expect(absoluteSum(sample) / expected).toBeCloseTo(1, 4);
    }
    expect(outcome.evaluatedBy.at(-1)).toBe(record.trace_abs_sum.length);
    expect(distance(outcome.final.slice(0, 8), record.result.first8)).toBeLessThan(1e-4);
    expect(distance(outcome.final.slice(-8), record.result.last8)).toBeLessThan(1e-4);
  });

  test.each(
    known
      .filter((record) => !finite.includes(record))
      .map((record) => [nameOf(record), record] as const),
  )('%s is finite here, though not there', async (_, record) => {
    const { config = BASE, num_inference_steps: steps } = record;
    const plan = samplerOf(record.scheduler).plan(config, { steps });
    const { final } = await run(plan, formula, { noise: counter(false) });
    expect(final.every(Number.isFinite)).toBe(true);
  });
});
