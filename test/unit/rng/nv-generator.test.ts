/**
 * The random numbers of NVIDIA GPUs.
 */

import { describe, expect, test } from 'vitest';
import { NvGenerator } from '../../../src/rng/nv-generator.ts';
import { philox } from '../../../src/rng/philox.ts';
import { readGolden } from '../../support/goldens.ts';

type Vector = { seed: number; first_call_n12: number[]; second_call_n4: number[] };

const { nv_philox: vectors } = JSON.parse(
  new TextDecoder().decode(await readGolden('torch-rng.json')),
) as { nv_philox: Vector[] };

const ALL = 0xffffffff;

describe('Philox', () => {
  // The known answers that Random123, its authors' library, is published with: nothing, everything, digits of pi.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ALL, ALL, ALL, ALL],
      [ALL, ALL],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('of %j under %j', (counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected);
  });
});

describe('normals', () => {
  test.each(vectors)('are those of A1111’s NV source: seed $seed', (vector) => {
    const generator = new NvGenerator(vector.seed);
    for (const expected of [vector.first_call_n12, vector.second_call_n4]) {
      const computed = generator.normal(expected.length);
      for (const [i, value] of expected.entries()) {
        expect(Math.abs(computed[i]! - value)).toBeLessThanOrEqual(2e-6);
      }
    }
  });

  test('do not depend on how many there are', () => {
    const [few, many] = [4, 400].map((count) => new NvGenerator(5).normal(count));
    expect(many!.slice(0, 4)).toEqual(few);
  });

  test('depend on all 64 bits of the seed', () => {
    const first = (seed: number | bigint): number => new NvGenerator(seed).normal(1)[0]!;
    expect(first(2 ** 32 + 7)).not.toBe(first(7));
    expect(first(-1)).toBe(first(2n ** 64n - 1n));
    expect(() => new NvGenerator(0.5)).toThrowError(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});
