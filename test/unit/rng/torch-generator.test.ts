/**
 * torch's CPU generator. Uniforms are exact; normals may differ by 2e-6, since torch computes them with
 * approximations that depend on the CPU.
 */

import { describe, expect, test } from 'vitest';
import { Mt19937 } from '../../../src/rng/mt19937.ts';
import { batchedNoise } from '../../../src/rng/noise-source.ts';
import { TorchGenerator } from '../../../src/rng/torch-generator.ts';
import { float16ToFloat32Array, float32ToFloat16Array } from '../../../src/tensor/float16.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { rngCases } from '../../../tools/conformance/rng-cases.ts';
import { readGolden } from '../../support/goldens.ts';

type Vector = {
  readonly seed: number;
  readonly n?: number;
  readonly shape?: number[];
  readonly dtype?: string;
  readonly sequence_of_n?: number[];
  readonly call?: string;
  readonly values: number[] | number[][];
  readonly first8: number[];
  readonly last8: number[];
};

type Vectors = { vectors: Vector[]; mt19937_u32: { seed: number; u32: number[] }[] };

const vectors = JSON.parse(new TextDecoder().decode(await readGolden('torch-rng.json'))) as Vectors;
const singles = vectors.vectors.filter(({ dtype }) => dtype === 'float32');
const halves = vectors.vectors.filter(({ dtype }) => dtype === 'float16');

const ABSOLUTE = 2e-6;

/** The largest difference between two lists; NaN when they are not of one length. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  return Math.max(0, ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

describe('every draw in rng.json', async () => {
  const cases = await rngCases(new GoldenFolder(readGolden));

  test('is a case', () => expect(cases).toHaveLength(70));

  test.each(cases)('$name', async ({ run, name }) => {
    const comparisons = await run(undefined as never); // needs no runtime
    expect(comparisons).toHaveLength(1);
    const [{ computed, expected }] = comparisons as [(typeof comparisons)[0]];
    expect(computed.dims).toEqual(expected.dims);
    const allowed = name.endsWith('/rand') ? 0 : ABSOLUTE;
    expect(difference(computed.data, expected.data)).toBeLessThanOrEqual(allowed);
  });
});

describe('normals', () => {
  test.each(singles.filter(({ n }) => n !== undefined))('seed $seed, $n numbers', (vector) => {
    const computed = new TorchGenerator(vector.seed).normal(vector.n!);
    expect(difference(computed, vector.values as number[])).toBeLessThanOrEqual(ABSOLUTE);
  });

  test.each(singles.filter(({ shape }) => shape !== undefined))('seed $seed, $shape', (vector) => {
    const computed = new TorchGenerator(vector.seed).normal(16384);
    expect(difference(computed.slice(0, 8), vector.first8)).toBeLessThanOrEqual(ABSOLUTE);
    expect(difference(computed.slice(-8), vector.last8)).toBeLessThanOrEqual(ABSOLUTE);
  });

  test.each(singles.filter(({ sequence_of_n: s }) => s !== undefined))(
    'of a small draw outlive a block in their pairs: seed $seed, $sequence_of_n',
    ({ seed, sequence_of_n: counts, values }) => {
      const generator = new TorchGenerator(seed);
      for (const [i, n] of counts!.entries()) {
        const expected = (values as number[][])[i]!;
        expect(difference(generator.normal(n), expected)).toBeLessThanOrEqual(ABSOLUTE);
      }
    },
  );

  test('of nothing leave the generator as it is', () => {
    const generator = new TorchGenerator(0);
    expect(generator.normal(0)).toHaveLength(0);
    const expected = singles[0]!.values as number[];
    expect(difference(generator.normal(4), expected)).toBeLessThanOrEqual(ABSOLUTE);
  });
});

describe('normals in float16', () => {
  test.each(halves)('seed $seed, $n numbers', ({ seed, n, values }) => {
    expect([...new TorchGenerator(seed, 'float16').normal(n!)]).toEqual(values);
  });

  test('are float32’s, rounded, where blocks are complete, and in draws that follow', () => {
    const [half, single] = [new TorchGenerator(7, 'float16'), new TorchGenerator(7)];
    for (const count of [256, 3, 64]) {
      const expected = float16ToFloat32Array(float32ToFloat16Array(single.normal(count)));
      expect(half.normal(count)).toEqual(expected);
    }
  });
});

describe('uniforms', () => {
  test.each(vectors.vectors.filter(({ call }) => call === 'torch.rand(8)'))(
    'seed $seed',
    ({ seed, values }) => expect([...new TorchGenerator(seed).uniform(8)]).toEqual(values),
  );

  test.each(vectors.vectors.filter(({ call }) => call === 'torch.randint(4,(16,))'))(
    'are remainders where they are whole numbers: seed $seed',
    ({ seed, values }) => {
      const engine = new Mt19937(seed);
      expect((values as number[]).map(() => engine.next() % 4)).toEqual(values);
    },
  );

  test.each(vectors.mt19937_u32)('come from mt19937: seed $seed', ({ seed, u32 }) => {
    const engine = new Mt19937(seed);
    expect(u32.map(() => engine.next())).toEqual(u32);
  });
});

describe('a seed', () => {
  const first = (seed: number | bigint): number[] => [...new TorchGenerator(seed).normal(4)];

  test('counts modulo 2^32, negative ones as 64-bit integers', () => {
    expect(first(2 ** 32 + 7)).toEqual(first(7));
    expect(first(-1)).toEqual(first(2n ** 64n - 1n));
    expect(first(2n ** 63n - 1n)).toEqual(first(2 ** 32 - 1));
    expect(first(7)).not.toEqual(first(8));
  });

  test.each([0.5, NaN, Infinity, 2 ** 53])('is refused unless it is a whole number: %d', (seed) => {
    expect(() => new TorchGenerator(seed)).toThrowError(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

describe('noise for a batch', () => {
  test('gives each picture what it would get alone, in every draw', () => {
    const batch = batchedNoise([new TorchGenerator(1), new TorchGenerator(2)]);
    const alone = [new TorchGenerator(1), new TorchGenerator(2)];
    for (const count of [64, 20, 6]) {
      const expected = alone.flatMap((generator) => [...generator.normal(count)]);
      expect([...batch.normal(2 * count)]).toEqual(expected);
    }
  });

  test('must be the same for all pictures', () => {
    const batch = batchedNoise([new TorchGenerator(1), new TorchGenerator(2)]);
    expect(() => batch.normal(5)).toThrow('5 numbers cannot be split among 2 pictures');
  });
});
