/**
 * The driver: what it computes, what it keeps, and what it lets go of.
 */

import { describe, expect, test } from 'vitest';
import { just, sum, zero, type Combination } from '../../../src/samplers/algebra.ts';
import { runSampling, type SamplingOptions } from '../../../src/samplers/driver.ts';
import { samplerOf } from '../../../src/samplers/registry.ts';
import type { SamplingPlan } from '../../../src/samplers/sampler.ts';
import {
  evaluate,
  noise,
  norms,
  scaled,
  step,
  type Sampling,
} from '../../../src/samplers/sampling.ts';
import { CpuStore, type Store } from '../../../src/samplers/store.ts';
import { CountedNoise, distance, normals, type Numbers } from './support.ts';

/** A plan of `steps` steps from a sampler alone. */
function planOf(sample: SamplingPlan['sample'], steps = 1): SamplingPlan {
  return {
    timesteps: [],
    steps,
    start: { picture: 0, noise: 1 },
    noised: () => ({ picture: 1, noise: 0 }),
    sample,
  };
}

const LENGTH = 4;

/** A store of four numbers, and options over it whose network doubles its input. */
function setting(): { store: CpuStore; options: SamplingOptions<Numbers>; start: Numbers } {
  const store = new CpuStore(LENGTH);
  const start = Float32Array.of(1, 2, 3, 4);
  const options: SamplingOptions<Numbers> = {
    store,
    source: new CountedNoise(0),
    noise: start,
    evaluate: ({ input }) => {
      const buffer = store.acquire();
      store.combine(buffer, input);
      const output = [{ buffer, coefficient: 2 }];
      return Promise.resolve({ output, release: () => store.release(buffer) });
    },
  };
  return { store, options, start };
}

describe('a run', () => {
  test('starts from the mixture that the plan names, and leaves its parts alone', async () => {
    const { options, start, store } = setting();
    const picture = Float32Array.of(10, 20, 30, 40);
    // oxlint-disable-next-line require-yield -- a sampler that has nothing to do
    const plan = planOf(function* (x): Sampling {
      return x;
    }, 0);
    const mixed = { ...plan, start: { picture: 0.5, noise: 2 } };
    expect([...(await runSampling(mixed, { ...options, picture }))]).toEqual([7, 14, 21, 28]);
    expect([...start, ...picture]).toEqual([1, 2, 3, 4, 10, 20, 30, 40]);
    expect(store.used).toBe(1);
    await expect(runSampling(mixed, options)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('scales what the network sees, and multiplies guidance out', async () => {
    const { options, store } = setting();
    const seen: unknown[] = [];
    const [conditional, unconditional] = [normals(1, LENGTH), normals(2, LENGTH)];
    const result = await runSampling(
      planOf(function* (x) {
        return sum([1, x], [-2, yield* evaluate(x.times(0.5), 7)]);
      }),
      {
        ...options,
        evaluate: ({ input, timestep, index }) => {
          seen.push({ coefficients: input.map(({ coefficient }) => coefficient), timestep, index });
          const output = [
            { buffer: unconditional, coefficient: 1 - 7.5 },
            { buffer: conditional, coefficient: 7.5 },
          ];
          return Promise.resolve({ output });
        },
      },
    );
    expect(seen).toEqual([{ coefficients: [0.5], timestep: 7, index: 0 }]);
    const guided = unconditional.map((u, i) => i + 1 - 2 * (u + 7.5 * (conditional[i]! - u)));
    expect(distance(result, guided)).toBeLessThan(1e-6);
    expect(store.made).toBe(2);
  });

  test('waits for stores that take their time, before anything is given back', async () => {
    const { options, store: fast } = setting();
    const { store: inner } = setting();
    const slow: Store<Numbers> = {
      length: LENGTH,
      pictures: 1,
      acquire: () => inner.acquire(),
      release: (buffer) => {
        buffer.fill(NaN); // whoever still reads it will tell
        inner.release(buffer);
      },
      write: (buffer, values) => inner.write(buffer, values),
      combine: async (output, terms) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        inner.combine(output, terms);
      },
      scale: (output, buffer, factors) => inner.scale(output, buffer, factors),
      multiply: (output, a, b) => inner.multiply(output, a, b),
      norms: (buffer) => inner.norms(buffer),
    };
    const plan = samplerOf('UniPCMultistepScheduler').plan({}, { steps: 5 });
    const results = [fast, slow].map((store) =>
      runSampling(plan, {
        ...options,
        store,
        evaluate: async ({ input }) => {
          const buffer = store.acquire();
          await store.combine(buffer, input);
          const output = [{ buffer, coefficient: 0.5 }];
          return { output, release: () => store.release(buffer) };
        },
      }),
    );
    const [expected, computed] = await Promise.all(results);
    expect(computed).toEqual(expected);
  });

  test('knows the lengths of pictures, and scales each by its own', async () => {
    const { options } = setting();
    const store = new CpuStore(LENGTH, 2);
    const result = await runSampling(
      planOf(function* (x) {
        const [once, twice] = yield* norms(x, x.times(2));
        expect([...once, ...twice]).toEqual([Math.sqrt(5), 5, 2 * Math.sqrt(5), 10]);
        return sum([1, x], [1, yield* scaled(x.times(2), [10, 100])]);
      }),
      { ...options, store },
    );
    expect([...result]).toEqual([21, 42, 603, 804]);
    expect(store.used).toBe(1);
  });

  test('counts the evaluations of a step, however many there are', async () => {
    const { options } = setting();
    const counts: unknown[] = [];
    await runSampling(
      planOf(function* (start) {
        let x = start;
        for (const timesteps of [[9, 8, 8], [3]]) {
          for (const t of timesteps) x = sum([1, x], [0.5, yield* evaluate(x, t)]);
          [x] = yield* step([x], x);
        }
        return x;
      }, 2),
      { ...options, onStep: ({ done, evaluated }) => void counts.push([done, evaluated]) },
    );
    expect(counts).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  test('draws noise in the order it is asked for', async () => {
    const { options } = setting();
    const result = await runSampling(
      planOf(function* () {
        const [a, b] = [yield* noise(1), yield* noise(3)];
        expect(yield* noise(0)).toBe(zero);
        return sum([1, a], [1, b]);
      }),
      options,
    );
    const source = new CountedNoise(0);
    const [a, b] = [source.normal(LENGTH), source.normal(LENGTH)];
    expect(
      distance(
        result,
        a.map((value, i) => value + 3 * b[i]!),
      ),
    ).toBeLessThan(1e-6);
  });
});

describe('the end of a step', () => {
  test('is where samples are kept and outputs are let go of', async () => {
    const { options, store } = setting();
    const used: number[] = [];
    await runSampling(
      planOf(function* (start) {
        let [x, first]: [Combination, Combination] = [start, start];
        for (let i = 0; i < 3; i++) {
          const output = yield* evaluate(x, i);
          used.push(store.used);
          [x, first] = yield* step([sum([1, x], [1, output]), first], output);
          used.push(store.used);
        }
        return sum([1, x], [1, first]);
      }),
      options,
    );
    // Sample and output; sample and first sample; then with the output of each step.
    expect(used).toEqual([2, 2, 3, 2, 3, 2]);
    expect(store.used).toBe(1);
  });

  test('lets the sample be painted over, and nothing else with it', async () => {
    const { options } = setting();
    const result = await runSampling(
      planOf(function* (start) {
        const [x, kept, again] = yield* step([start, start, start], start);
        return sum([1, x], [10, kept], [100, again]);
      }),
      { ...options, onStep: ({ sample }) => void sample.fill(0) },
    );
    expect([...result]).toEqual([110, 220, 330, 440]);
  });

  test('forgets what is not carried on', async () => {
    const { options, store } = setting();
    const run = runSampling(
      planOf(function* (start) {
        const output = yield* evaluate(start, 500);
        yield* step([start], start);
        return output;
      }),
      options,
    );
    await expect(run).rejects.toThrow('a sampler used output(500) after the step it belongs to');
    expect(store.used).toBe(0);
  });

  test('shows a preview in quantities from before it', async () => {
    const { options, store } = setting();
    const previews: number[][] = [];
    await runSampling(
      planOf(function* (start) {
        const output = yield* evaluate(start, 500);
        const [x] = yield* step([start.times(0.5)], sum([1, start], [-1, output]));
        return x;
      }),
      {
        ...options,
        onStep: ({ original, sample, done }) => {
          const preview = new Float32Array(LENGTH);
          store.combine(preview, original);
          previews.push([done, ...sample, ...preview]);
        },
      },
    );
    expect(previews).toEqual([[1, 0.5, 1, 1.5, 2, -1, -2, -3, -4]]);
  });
});

describe('a run that does not end well gives all buffers back', () => {
  const plan = samplerOf('UniPCMultistepScheduler').plan({}, { steps: 6 });

  test('when it is aborted: with the signal’s own reason', async () => {
    const { options, store } = setting();
    const controller = new AbortController();
    const reason = new Error('enough');
    const run = runSampling(plan, {
      ...options,
      signal: controller.signal,
      onStep: ({ done }) => {
        if (done === 3) controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(store.used).toBe(0);
  });

  test('when the network fails', async () => {
    const { options, store } = setting();
    const failing: typeof options.evaluate = (evaluation) =>
      evaluation.index === 3 ? Promise.reject(new Error('lost')) : options.evaluate(evaluation);
    await expect(runSampling(plan, { ...options, evaluate: failing })).rejects.toThrow('lost');
    expect(store.used).toBe(0);
  });

  test('when a listener fails', async () => {
    const { options, store } = setting();
    const onStep = (): Promise<void> => Promise.reject(new Error('listener'));
    await expect(runSampling(plan, { ...options, onStep })).rejects.toThrow('listener');
    expect(store.used).toBe(0);
  });

  test('when an output has another size', async () => {
    const { options, store } = setting();
    const output = [{ buffer: new Float32Array(3), coefficient: 1 }];
    const run = runSampling(plan, { ...options, evaluate: () => Promise.resolve({ output }) });
    await expect(run).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(store.used).toBe(0);
  });
});

describe('a sampler', () => {
  test('refuses a driver that does not know norms', () => {
    const sampler = norms(just({ label: 'x' }));
    sampler.next();
    expect(() => sampler.next(undefined)).toThrow('did not reply');
  });
});
