/**
 * The random numbers of a run.
 */

import { describe, expect, test } from 'vitest';
import { runNoise } from '../../../src/pipelines/noise.ts';
import { NvGenerator } from '../../../src/rng/nv-generator.ts';
import { TorchGenerator } from '../../../src/rng/torch-generator.ts';
import { variedNoise } from '../../../src/rng/variation.ts';

const DIMS = [2, 4, 8, 8] as const;
const EACH = 256;

describe('the noise of a run', () => {
  test('is torch’s, of one seed for the batch or of one for each picture', () => {
    expect(runNoise(3, 2).first(DIMS)).toEqual(new TorchGenerator(3).normal(2 * EACH));
    const alone = [3, 9].flatMap((seed) => [...new TorchGenerator(seed).normal(EACH)]);
    expect([...runNoise([3, 9], 2).first(DIMS)]).toEqual(alone);
  });

  test('is an NVIDIA GPU’s, or in float16, where it is asked for', () => {
    const nv = runNoise(3, 2, { generator: 'nv' });
    expect(nv.first(DIMS)).toEqual(new NvGenerator(3).normal(2 * EACH));
    const half = runNoise(3, 2, { dtype: 'float16' });
    expect(half.first(DIMS)).toEqual(new TorchGenerator(3, 'float16').normal(2 * EACH));
  });

  test('goes to that of another seed, picture by picture, and goes on with its own', () => {
    const variation = { seed: [5, 6], strength: 0.3 };
    const { first, source } = runNoise([1, 1], 2, { variation });
    const computed = first(DIMS);
    const [size, from] = [{ height: 8, width: 8 }, new TorchGenerator(1).normal(EACH)];
    for (const [i, seed] of variation.seed.entries()) {
      const to = new TorchGenerator(seed).normal(EACH);
      const expected = variedNoise({ from, to, strength: 0.3 }, size);
      expect(computed.slice(i * EACH, (i + 1) * EACH)).toEqual(expected);
    }
    const plain = runNoise([1, 1], 2);
    plain.first(DIMS);
    expect(source.normal(2 * EACH)).toEqual(plain.source.normal(2 * EACH));
  });

  test.each([
    [{ seed: [1], samples: 2 }, 'seed must be one number or 2, got 1'],
    [{ seed: 0.5, samples: 1 }, 'a seed must be an integer'],
    [{ seed: 1, samples: 1, variation: { seed: [1, 2], strength: 0.5 } }, 'variation.seed'],
    [{ seed: 1, samples: 1, variation: { seed: 1, strength: 1.5 } }, 'variation.strength'],
  ] as const)('of %j is refused', ({ seed, samples, ...options }, message) => {
    expect(() => runNoise(seed, samples, options)).toThrowError(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining(message) as string,
      }),
    );
  });
});
