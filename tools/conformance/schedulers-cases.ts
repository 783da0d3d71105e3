/**
 * The cases of `schedulers.json`: samplers on a network in closed form, by the CPU's store.
 */

import { TorchGenerator } from '../../src/rng/torch-generator.ts';
import { runSampling } from '../../src/samplers/driver.ts';
import { samplerOf } from '../../src/samplers/registry.ts';
import type { SamplingPlan } from '../../src/samplers/sampler.ts';
import { CpuStore, type Term } from '../../src/samplers/store.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import type { JsonConfig } from '../../src/util/config-reader.ts';
import { openGolden, type GoldenFile, type GoldenTensor } from '../goldens/golden-file.ts';
import type { Comparison, ConformanceCase } from './case.ts';
import type { GoldenFolder } from './folder.ts';

type Numbers = Float32Array<ArrayBuffer>;

type Run = {
  readonly key: string;
  readonly scheduler: string;
  readonly steps: number;
  readonly config: JsonConfig;
  readonly overrides?: JsonConfig;
  readonly strength: number | null;
  readonly seed: number;
};

/** diffusers works in f32 from step to step, this in f64 within one. */
const TOLERANCE = 1e-4;

/** All cases of the file; a scheduler that does not exist is a case that fails. */
export async function schedulersCases(folder: GoldenFolder): Promise<ConformanceCase[]> {
  const file = await openGolden<{ runs: Run[] }>(folder.read, 'schedulers');
  return file.json.runs.map((run) => ({
    name: `schedulers/${run.key}/${describe(run)}`,
    tolerance: TOLERANCE,
    run: () => compare(file, run),
  }));
}

function describe({ scheduler, steps, strength, overrides = {} }: Run): string {
  const changes = Object.entries(overrides).map(([name, value]) => `${name}=${String(value)}`);
  const parts = [scheduler, String(steps), ...changes];
  return [...parts, ...(strength === null ? [] : [`strength=${strength}`])].join(',');
}

async function compare(file: GoldenFile<{ runs: Run[] }>, run: Run): Promise<Comparison[]> {
  const { data: picture } = file.float32('x0');
  const plan = samplerOf(run.scheduler).plan(run.config, {
    steps: run.steps,
    strength: run.strength ?? undefined,
    asUpstream: true,
  });
  const source = new TorchGenerator(run.seed);
  const store = new CpuStore(picture.length);
  const isFromNoise = run.strength === null;
  const network = NETWORKS[run.scheduler] ?? closedForm;
  const means = new Map<number, number>(); // by evaluations
  const first: Numbers[] = [];

  const final = await runSampling(plan, {
    store,
    source,
    // Where nothing is given, the file's first sample stands for the noise.
    noise: isFromNoise ? Float32Array.from(picture) : source.normal(picture.length),
    picture: picture.map((value) => value * 0.5),
    evaluate: ({ input, timestep }) => {
      const buffer = network(summed(store, input), timestep);
      return Promise.resolve({ output: [{ buffer, coefficient: 1 }] });
    },
    onStep: ({ sample, evaluated }) => {
      means.set(evaluated, sample.reduce((total, value) => total + value, 0) / sample.length);
      if (evaluated === 1) first.push(sample.slice());
    },
  });

  const golden = (name: string): GoldenTensor[] =>
    file.names.includes(`${run.key}/${name}`) ? [file.float32(`${run.key}/${name}`)] : [];
  const compared = (computed: ArrayLike<number>, expected: ArrayLike<number>): Comparison => ({
    computed: hostTensor(computed, [computed.length]),
    expected: hostTensor(expected, [expected.length]),
  });
  const each = (comparison: Comparison): Comparison => ({ ...comparison, measure: 'each' });
  const { timesteps, sigmas = [] } = plan;
  return [
    ...golden('final').map(({ data }) => compared(final, data)),
    ...golden('timesteps').map(({ data }) => each(compared(timesteps, data))),
    ...golden('sigmas').map(({ data }) => each(compared(sigmas, sigmasOfSteps(data, run, plan)))),
    ...golden('first').flatMap(({ data }) => first.map((sample) => compared(sample, data))),
    // The file has a mean for each evaluation, also for those within a step.
    ...golden('trace').map(({ data }) =>
      compared(
        [...means.values()],
        [...means.keys()].map((evaluated) => data[evaluated - 1] ?? NaN),
      ),
    ),
  ];
}

/**
 * The file's sigmas as steps lead between them. It has them from the beginning, also of a run that starts in the
 * middle; twice where a step looks twice; growing, or without the 0 at the end, for the continuous samplers.
 */
function sigmasOfSteps(
  sigmas: Float32Array,
  { steps }: Run,
  { sigmas: own = [], ...plan }: SamplingPlan,
): number[] {
  const falling = sigmas[0]! < sigmas.at(-1)! ? [...sigmas].reverse() : [...sigmas];
  const isEachOnce = plan.timesteps.length === plan.steps;
  const each = falling.filter((sigma, i) => isEachOnce || sigma !== falling[i - 1]);
  return [...each, ...(each.length === steps ? [0] : [])].slice(-own.length);
}

/** What the file calls its model, in f32. */
function closedForm(x: Numbers, t: number): Numbers {
  const f = Math.fround;
  const slope = f(f(t) / f(f(t) + 1));
  return x.map((value) => f(f(value * slope) * f(0.3)) + f(f(0.1) * f(Math.cos(value))));
}

/** The same for samples that come as they are, with their sigma. */
function continuous(x: Numbers, sigma: number): Numbers {
  const range = Math.log(14.6146 / 0.0292);
  const shrunk = x.map((value) => value / Math.hypot(sigma, 1));
  return closedForm(shrunk, (1000 * Math.log(sigma / 0.0292)) / range);
}

/** What else than the closed form samplers ask of a network: the slope down to the picture, and the score. */
const NETWORKS: Record<string, typeof closedForm> = {
  KarrasVeScheduler: (x, sigma) => continuous(x, sigma).map((eps) => -eps),
  ScoreSdeVeScheduler: (x, sigma) => continuous(x, sigma).map((eps) => -eps / sigma),
};

function summed(store: CpuStore, terms: readonly Term<Numbers>[]): Numbers {
  const result = new Float32Array(store.length);
  store.combine(result, terms);
  return result;
}
