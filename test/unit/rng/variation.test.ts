/**
 * Noise between two noises.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TorchGenerator } from '../../../src/rng/torch-generator.ts';
import { variedNoise } from '../../../src/rng/variation.ts';

const SIZE = { height: 8, width: 6 };
const COUNT = 4 * SIZE.height * SIZE.width;

/** Columns of each channel. */
function columns(noise: Float32Array): number[][] {
  const { height, width } = SIZE;
  return Array.from({ length: COUNT / height }, (_, k) => {
    const start = Math.floor(k / width) * height * width + (k % width);
    return Array.from({ length: height }, (__, row) => noise[start + row * width]!);
  });
}

const length = (vector: readonly number[]): number => Math.hypot(...vector);
const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * b[i]!, 0) / length(a) / length(b);

const noise = (seed: number): Float32Array => new TorchGenerator(seed).normal(COUNT);

describe('noise between two noises', () => {
  test('is one of them at either end', () => {
    const [from, to] = [noise(1), noise(2)];
    for (const [strength, expected] of [
      [0, from],
      [1, to],
    ] as const) {
      const varied = variedNoise({ from, to, strength }, SIZE);
      for (const [i, value] of varied.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
    }
  });

  test('turns each column by its share of the angle', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (seed, t) => {
          // Columns of one length, between which a way on the sphere keeps it.
          const unit = (each: Float32Array): Float32Array => {
            const lengths = columns(each).map(length);
            const { height, width } = SIZE;
            return each.map((value, i) => {
              return value / lengths[Math.floor(i / (height * width)) * width + (i % width)]!;
            });
          };
          const [from, to] = [unit(noise(seed)), unit(noise(seed + 1))];
          const varied = columns(variedNoise({ from, to, strength: t }, SIZE));
          const [a, b] = [columns(from), columns(to)];
          for (const [k, column] of varied.entries()) {
            expect(length(column)).toBeCloseTo(1, 4);
            const whole = Math.acos(cosine(a[k]!, b[k]!));
            expect(cosine(a[k]!, column)).toBeCloseTo(Math.cos(t * whole), 4);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('of the same noise is that noise', () => {
    const from = noise(3);
    const varied = variedNoise({ from, to: from, strength: 0.4 }, SIZE);
    for (const [i, value] of varied.entries()) expect(value).toBeCloseTo(from[i]!, 6);
  });

  test('is finite where columns are opposite, or a single number', () => {
    const from = noise(3);
    for (const to of [from.map((value) => -value), noise(4)]) {
      for (const size of [SIZE, { height: 1, width: 6 }]) {
        expect(variedNoise({ from, to, strength: 0.5 }, size).every(Number.isFinite)).toBe(true);
      }
    }
  });
});
