/**
 * `npm run bench -- sampler-step [--runs N]`: what a sampler's step costs on the CPU, beside plain loops over as many
 * terms. The network and the generator of noise take no time here: their numbers are ready; guidance mixes two outputs.
 * Counted is everything else: the sampler's algebra, its driver, and all sums, the network's inputs among them.
 */

import process from 'node:process';
import { parseArgs } from 'node:util';

import { TorchGenerator } from '../src/rng/torch-generator.ts';
import { runSampling } from '../src/samplers/driver.ts';
import { samplerOf, SAMPLER_NAMES } from '../src/samplers/registry.ts';
import { CpuStore, type Term } from '../src/samplers/store.ts';
import { markdownTable } from './support/table.ts';
import { MOST_TERMS, plainSum } from './support/plain-sum.ts';

type Numbers = Float32Array<ArrayBuffer>;

const { values } = parseArgs({ options: { runs: { type: 'string', default: '60' } } });
const runs = Number(values.runs);
const STEPS = 20;
const WARMUPS = 10;
const SIZES = [
  [4, 64, 64],
  [4, 128, 128],
] as const;
const SD15 = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  skip_prk_steps: true,
};
const GUIDANCE = 7.5;

/** A store that remembers how many terms each pass over memory had. */
class CountingStore extends CpuStore {
  readonly passes: number[] = [];

  override write(buffer: Numbers, numbers: Numbers): void {
    this.passes.push(1);
    super.write(buffer, numbers);
  }

  override combine(output: Numbers, terms: readonly Term<Numbers>[]): void {
    this.passes.push(terms.length);
    super.combine(output, terms);
  }

  override scale(output: Numbers, buffer: Numbers, factors: readonly number[]): void {
    this.passes.push(1);
    super.scale(output, buffer, factors);
  }

  override norms(buffer: Numbers): readonly number[] {
    this.passes.push(1);
    return super.norms(buffer);
  }
}

/** Runs a sampler to its end in a store; gives the number of steps. */
async function sampled(name: string, store: CpuStore, ready: readonly Numbers[]) {
  const [noise, conditional, unconditional, input] = ready as [Numbers, Numbers, Numbers, Numbers];
  const plan = samplerOf(name).plan(SD15, { steps: STEPS });
  const output: Term<Numbers>[] = [
    { buffer: unconditional, coefficient: 1 - GUIDANCE },
    { buffer: conditional, coefficient: GUIDANCE },
  ];
  const final = await runSampling(plan, {
    store,
    source: { normal: () => noise },
    noise,
    evaluate: ({ input: terms }) => {
      store.combine(input, terms);
      return Promise.resolve({ output });
    },
  });
  store.release(final);
  return plan.steps;
}

for (const [channels, height, width] of SIZES) {
  const length = channels * height * width;
  const ready = [1, 2, 3, 4].map((seed) => new TorchGenerator(seed).normal(length));
  const [output, ...arrays] = Array.from({ length: 1 + MOST_TERMS }, (_, seed) =>
    new TorchGenerator(seed).normal(length),
  ) as [Numbers, ...Numbers[]];
  const store = new CpuStore(length);
  const rows: string[][] = [];
  for (const name of SAMPLER_NAMES) {
    const counting = new CountingStore(length);
    const steps = await sampled(name, counting, ready);
    const { passes } = counting;
    const [own, plain]: [number[], number[]] = [[], []];
    for (let i = -WARMUPS; i < runs; i++) {
      const start = performance.now();
      await sampled(name, store, ready);
      const middle = performance.now();
      for (const terms of passes) plainSum(output, arrays.slice(0, terms));
      const end = performance.now();
      if (i < 0) continue;
      own.push((middle - start) / steps);
      plain.push((end - middle) / steps);
    }
    const terms = passes.reduce((total, each) => total + each, 0);
    const [a, b] = [Math.min(...own), Math.min(...plain)];
    rows.push([
      name,
      (passes.length / steps).toFixed(1),
      (terms / steps).toFixed(1),
      (1000 * a).toFixed(0),
      (1000 * b).toFixed(0),
      (a / b).toFixed(2),
    ]);
  }
  console.log(`${channels}x${height}x${width}, ${STEPS} steps, least of ${runs} runs\n`);
  const headings = ['Sampler', 'Passes', 'Terms', 'Step, µs', 'Loops, µs', 'Ratio'];
  console.log(`${markdownTable(headings, rows)}\n`);
}
process.exit(0);
