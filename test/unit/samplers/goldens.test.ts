/**
 * Samplers against diffusers. Both work in f32 between steps and differ in how they round within one, which
 * leaves less than 1e-5 (f32 at a sigma of 4096); 1e-4 is what is promised.
 */

import { describe, expect, test } from 'vitest';
import { samplerOf, SAMPLER_NAMES } from '../../../src/samplers/registry.ts';
import type { JsonConfig } from '../../../src/util/config-reader.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { schedulersCases } from '../../../tools/conformance/schedulers-cases.ts';
import { readGolden } from '../../support/goldens.ts';
import { distance, run, type Numbers } from './support.ts';

/** Runs of schedulers.json by sampler. */
const RUNS = {
  DDIMScheduler: 10,
  EulerAncestralDiscreteScheduler: 10,
  UniPCMultistepScheduler: 19,
  LCMScheduler: 10,
};

const all = await schedulersCases(new GoldenFolder(readGolden));
const cases = all.filter(({ name }) => SAMPLER_NAMES.some((each) => name.includes(`/${each},`)));

describe('schedulers.json', () => {
  test('has runs of every sampler', () => {
    const runsOf = (name: string) => cases.filter((each) => each.name.includes(`/${name},`)).length;
    expect(Object.fromEntries(SAMPLER_NAMES.map((name) => [name, runsOf(name)]))).toEqual(RUNS);
    expect(all).toHaveLength(223);
  });

  test.each(cases)('$name', async ({ run: compared, tolerance }) => {
    expect(tolerance).toBe(1e-4);
    const comparisons = await compared(undefined as never); // needs no runtime
    expect(comparisons.length).toBeGreaterThanOrEqual(4); // final, timesteps, first, trace; sigmas
    for (const comparison of comparisons) expect(relativeError(comparison)).toBeLessThan(1e-5);
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
  readonly num_inference_steps: number;
  readonly timesteps_all?: number[];
  readonly sigmas?: number[];
  readonly init_noise_sigma?: number;
  readonly strength?: number;
  readonly begin_index?: number;
  readonly noise_draws: number;
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
}: GoldenRecord): string {
  const changes = Object.entries(config ?? {}).filter(([field, value]) => BASE[field] !== value);
  return `${scheduler} ${n} ${JSON.stringify({ ...Object.fromEntries(changes), strength, eta })}`;
}

/** The counter of the file's `dummy_sample_deter`, of [1, 4, 8, 8]; or running backwards. */
const counter = (backwards: boolean): Numbers =>
  Float32Array.from({ length: 256 }, (_, i) => 2 * ((backwards ? 255 - i : i) / 256) - 1);

const formula = (x: Numbers, t: number): Numbers =>
  x.map((value) => Math.fround(value * Math.fround(t)) / Math.fround(t + 1));

/**
 * The largest sigma's timestep is 999 or just below, depending on the last bit of a table, which changed from
 * torch 1.13, that this file comes from, to 2.13, that this matches; then it is cut off to a whole number.
 */
const timestepTolerance = (config: JsonConfig): number =>
  config['use_exponential_sigmas'] === true || config['use_beta_sigmas'] === true ? 1 : 1e-4;

const absoluteSum = (values: Numbers): number =>
  values.reduce((total, value) => total + Math.abs(value), 0);

describe('diffusers-schedulers.json', () => {
  const known = records.filter(({ scheduler }) => scheduler in RUNS);
  const finite = known.filter((record) =>
    record.trace_abs_sum.every((value) => typeof value === 'number'),
  );

  test('has records of every sampler', () => {
    expect(new Set(finite.map(({ scheduler }) => scheduler))).toEqual(new Set(Object.keys(RUNS)));
    expect(known).toHaveLength(45);
  });

  test.each(finite.map((record) => [nameOf(record), record] as const))('%s', async (_, record) => {
    const { config = BASE, num_inference_steps: steps, strength, eta } = record;
    const begin = record.begin_index ?? 0;
    const plan = samplerOf(record.scheduler).plan(config, { steps, strength, eta });
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
    const sigmas = record.sigmas?.slice(begin) ?? [];
    expect(distance(record.sigmas === undefined ? [] : (plan.sigmas ?? []), sigmas)).toBeLessThan(
      1e-6,
    );
    const initial = isGiven ? undefined : record.init_noise_sigma;
    expect(plan.start.noise / (initial ?? plan.start.noise)).toBeCloseTo(1, 6);
    // diffusers' Euler ancestral draws for its last step, too, and multiplies by 0.
    const unused = record.scheduler === 'EulerAncestralDiscreteScheduler' ? 1 : 0;
    expect(outcome.draws).toBe(record.noise_draws - unused);
    const trace = outcome.samples.map(absoluteSum);
    for (const [i, sum] of record.trace_abs_sum.entries()) {
      expect(trace[i]! / Number(sum)).toBeCloseTo(1, 4);
    }
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
