/**
 * Runs sampling plans over Float32Arrays, with networks that are formulas.
 */

import { TorchGenerator } from '../../../src/rng/torch-generator.ts';
import { batchedNoise, type NoiseSource } from '../../../src/rng/noise-source.ts';
import { runSampling, type SamplingOptions } from '../../../src/samplers/driver.ts';
import type { SamplingPlan } from '../../../src/samplers/sampler.ts';
import { CpuStore } from '../../../src/samplers/store.ts';

export type Numbers = Float32Array<ArrayBuffer>;

/** What a formula says about an input at a timestep. */
export type Formula = (input: Numbers, timestep: number) => Numbers;

/** A run that is over. */
export type Outcome = {
  readonly final: Numbers;
  readonly evaluated: readonly number[];
  readonly draws: number;
  /** Evaluations done at the end of each step. */
  readonly evaluatedBy: readonly number[];
  /** The sample after each step. */
  readonly samples: readonly Numbers[];
  /** The picture seen in each step. */
  readonly originals: readonly Numbers[];
  readonly store: CpuStore;
};

/** Noise that counts how often it is asked for. */
export class CountedNoise implements NoiseSource {
  draws = 0;
  readonly #source: NoiseSource;

  constructor(seed: number) {
    this.#source = new TorchGenerator(seed);
  }

  normal(count: number): Numbers {
    this.draws++;
    return this.#source.normal(count);
  }
}

/** Runs `plan` from `noise` (and `picture`) to its end; of a batch, every picture draws by a seed of its own. */
export async function run(
  plan: SamplingPlan,
  formula: Formula,
  options: { noise: Numbers; picture?: Numbers; seed?: number; pictures?: number } & Partial<
    Pick<SamplingOptions<Numbers>, 'signal' | 'onStep'>
  >,
): Promise<Outcome> {
  const { pictures = 1, seed = 0 } = options;
  const store = new CpuStore(options.noise.length, pictures);
  const sources = Array.from({ length: pictures }, (_, i) => new CountedNoise(seed + i));
  const source = batchedNoise(sources);
  const evaluated: number[] = [];
  const evaluatedBy: number[] = [];
  const samples: Numbers[] = [];
  const originals: Numbers[] = [];
  const input = new Float32Array(store.length);
  const final = await runSampling(plan, {
    store,
    source,
    ...options,
    evaluate: ({ input: terms, timestep, index }) => {
      if (index !== evaluated.length) throw new Error('evaluations are not counted from 0');
      evaluated.push(timestep);
      store.combine(input, terms);
      return Promise.resolve({ output: [{ buffer: formula(input, timestep), coefficient: 1 }] });
    },
    onStep: async (step) => {
      const original = new Float32Array(store.length);
      store.combine(original, step.original);
      originals.push(original);
      samples.push(step.sample.slice());
      evaluatedBy.push(step.evaluated);
      if (samples.length !== step.done) throw new Error('steps are not counted');
      if (step.evaluated !== evaluated.length) throw new Error('evaluations are not counted');
      await options.onStep?.(step);
    },
  });
  return {
    final,
    evaluated,
    evaluatedBy,
    draws: sources[0]?.draws ?? 0,
    samples,
    originals,
    store,
  };
}

/** Standard normals. */
export function normals(seed: number, count = 256): Numbers {
  return new TorchGenerator(seed).normal(count);
}

/** ‖a - b‖ / ‖b‖. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let [difference, norm] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
