/**
 * The cases of `schedulers.json`: samplers on a network in closed form, by the CPU's store.
 */

import { TorchGenerator } from '../../src/rng/torch-generator.ts';
import { runSampling } from '../../src/samplers/driver.ts';
import { samplerOf } from '../../src/samplers/registry.ts';
import { CpuStore, type Term } from '../../src/samplers/store.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import type { JsonConfig } from '../../src/util/config-reader.ts';
import { openGolden, type GoldenFile } from '../goldens/golden-file.ts';
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
  });
  const source = new TorchGenerator(run.seed);
  const store = new CpuStore(picture.length);
  const isFromNoise = run.strength === null;
  const after: { sample: Numbers; mean: number }[] = [];

  const final = await runSampling(plan, {
    store,
    source,
    // Where nothing is given, the file's first sample stands for the noise.
    noise: isFromNoise ? Float32Array.from(picture) : source.normal(picture.length),
    picture: picture.map((value) => value * 0.5),
    evaluate: ({ input, timestep }) => {
      const buffer = closedForm(summed(store, input), timestep);
      return Promise.resolve({ output: [{ buffer, coefficient: 1 }] });
    },
    onStep: ({ sample }) => {
      const mean = sample.reduce((total, value) => total + value, 0) / sample.length;
      after.push({ sample: sample.slice(), mean });
    },
  });

  const compared = (computed: ArrayLike<number>, name: string): Comparison[] => {
    const golden = file.names.includes(`${run.key}/${name}`)
      ? [file.float32(`${run.key}/${name}`)]
      : [];
    return golden.map((expected) => {
      // Of a run that starts in the middle, the file has the sigmas from the beginning.
      const values = name === 'sigmas' ? expected.data.slice(-computed.length) : expected.data;
      const dims = name === 'sigmas' ? [values.length] : expected.shape;
      const own = computed.length === values.length ? dims : [computed.length];
      return { computed: hostTensor(computed, own), expected: hostTensor(values, dims) };
    });
  };
  const isStepEachCall = plan.steps === plan.timesteps.length;
  return [
    ...compared(final, 'final'),
    ...compared(plan.timesteps, 'timesteps'),
    ...(plan.sigmas === undefined ? [] : compared(plan.sigmas, 'sigmas')),
    ...(isStepEachCall ? compared(after[0]?.sample ?? [], 'first') : []),
    ...(isStepEachCall
      ? compared(
          after.map(({ mean }) => mean),
          'trace',
        )
      : []),
  ];
}

/** What the file calls its model, in f32. */
function closedForm(x: Numbers, t: number): Numbers {
  const f = Math.fround;
  const slope = f(f(t) / f(f(t) + 1));
  return x.map((value) => f(f(value * slope) * f(0.3)) + f(f(0.1) * f(Math.cos(value))));
}

function summed(store: CpuStore, terms: readonly Term<Numbers>[]): Numbers {
  const result = new Float32Array(store.length);
  store.combine(result, terms);
  return result;
}
