/**
 * Sums of arrays.
 */

import { describe, expect, test } from 'vitest';
import { weightedSum } from '../../../src/samplers/weighted-sum.ts';
import { normals } from './support.ts';

describe('a weighted sum', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 9])('of %d arrays is formed in f64 and rounded once', (terms) => {
    const arrays = Array.from({ length: terms }, (_, k) => normals(k, 33));
    const factors = arrays.map((_, k) => 1 / 3 - k / 7);
    const output = new Float32Array(33).fill(NaN);
    weightedSum(output, arrays, factors);
    for (const [i, value] of output.entries()) {
      const exact = arrays.reduce((total, array, k) => total + factors[k]! * array[i]!, 0);
      expect(value).toBe(Math.fround(exact));
    }
  });

  test('of one array and a factor of 1 is that array', () => {
    const [array, output] = [normals(1, 8), new Float32Array(8)];
    weightedSum(output, [array], [1]);
    expect(output).toEqual(array);
  });
});
