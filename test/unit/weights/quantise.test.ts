/**
 * The quantiser against one written the plain way, and what it promises of blocks that are out of the ordinary.
 */

import { describe, expect, test } from 'vitest';

import { float16ToFloat32 } from '../../../src/tensor/float16.ts';
import { BLOCK, type QuantisedBits } from '../../../src/weights/layout.ts';
import { quantiseBlocks } from '../../../src/weights/quantise.ts';
import { seededRandom } from '../../support/gpu.ts';

const BITS: readonly QuantisedBits[] = [8, 4];

/** What a quantised array stands for. */
function dequantised(values: Float32Array, bits: QuantisedBits) {
  const codes = new Uint8Array((values.length * bits) / 8);
  const scales = new Uint16Array(values.length / BLOCK);
  quantiseBlocks(values, bits, { codes, scales });
  const codeAt = (i: number): number =>
    bits === 8 ? codes[i]! : (codes[i >> 1]! >> (4 * (i & 1))) & 15;
  const scaleAt = (i: number): number => float16ToFloat32(scales[Math.floor(i / BLOCK)]!);
  const numbers = Array.from(values, (_, i) => (codeAt(i) - 2 ** (bits - 1)) * scaleAt(i));
  return { numbers, scaleAt, scales };
}

function randomValues(count: number, scale: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  // Sums of uniform numbers: like the weights of a network, most are small.
  return Float32Array.from(
    { length: count },
    () => (random() + random() + random() + random() - 2) * scale,
  );
}

describe.each(BITS)('%i bits', (bits) => {
  const zero = 2 ** (bits - 1);

  test('every number is the nearest of those that its scale can say', () => {
    const values = randomValues(64 * BLOCK, 0.1, 1);
    const { numbers, scaleAt } = dequantised(values, bits);
    for (const [i, value] of values.entries()) {
      const scale = scaleAt(i);
      const all = Array.from({ length: 2 * zero }, (_, code) => (code - zero) * scale);
      const nearest = Math.min(...all.map((number) => Math.abs(number - value)));
      expect(Math.abs(numbers[i]! - value)).toBeCloseTo(nearest, 12);
    }
  });

  test('the number farthest from zero is kept to the precision of its scale', () => {
    const values = randomValues(64 * BLOCK, 0.1, 2);
    const { numbers } = dequantised(values, bits);
    for (let start = 0; start < values.length; start += BLOCK) {
      const block = [...values.subarray(start, start + BLOCK)];
      const largest = Math.max(...block.map(Math.abs));
      const at = block.findIndex((value) => Math.abs(value) === largest);
      expect(Math.abs(numbers[start + at]! / block[at]! - 1)).toBeLessThan(2 ** -10);
    }
  });

  test('numbers that the codes can say come back as they were', () => {
    const values = Float32Array.from({ length: BLOCK }, (_, i) => ((i % zero) - zero / 2) / 64);
    values[0] = -zero / 64;
    expect(dequantised(values, bits).numbers).toEqual([...values]);
  });

  test('zeros stay zeros, and tiny blocks have no subnormal scale', () => {
    const values = new Float32Array(2 * BLOCK).fill(1e-7, BLOCK);
    const { numbers, scaleAt } = dequantised(values, bits);
    expect(numbers.every((number) => Math.abs(number) === 0)).toBe(true);
    expect(Math.abs(scaleAt(0))).toBe(2 ** -14);
    expect(Math.abs(scaleAt(BLOCK))).toBe(2 ** -14);
  });

  test.each([NaN, Infinity, -Infinity, 3e38])(
    'a block with %d does not pass for a number',
    (odd) => {
      const values = new Float32Array(BLOCK).fill(1);
      values[7] = odd;
      const { numbers, scales } = dequantised(values, bits);
      expect(scales[0]).toBe(0x7c00);
      expect(numbers.every((number) => Number.isNaN(number))).toBe(true);
    },
  );
});
