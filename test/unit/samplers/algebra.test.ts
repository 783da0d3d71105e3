/**
 * Linear combinations of named things.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { just, sum, zero, type Combination } from '../../../src/samplers/algebra.ts';
import { solve } from '../../../src/samplers/linear-system.ts';

const [x, eps, other] = ['x', 'eps', 'other'].map((label) => ({ label })) as [
  { label: string },
  { label: string },
  { label: string },
];

const coefficients = (combination: Combination): number[] =>
  [x, eps, other].map((quantity) => combination.terms.get(quantity) ?? 0);

describe('a sum', () => {
  test('is linear in its parts', () => {
    const factor = fc.integer({ min: -8, max: 8 });
    fc.assert(
      fc.property(factor, factor, factor, factor, (a, b, c, d) => {
        const left = sum([a, just(x)], [b, just(eps)]);
        const right = sum([c, just(eps)], [d, just(other)]);
        expect(coefficients(sum([2, left], [-3, right])).map((value) => value + 0)).toEqual(
          [2 * a, 2 * b - 3 * c, -3 * d].map((value) => value + 0),
        );
      }),
    );
  });

  test('forgets what cancels', () => {
    expect(sum([2, just(x)], [-2, just(x)]).terms.size).toBe(0);
    expect(sum([0, just(x)], [1, just(eps)]).quantity).toBe(eps);
    expect(sum().terms).toEqual(zero.terms);
  });

  test.each([NaN, Infinity, -Infinity])('refuses the factor %d', (factor) => {
    expect(() => sum([factor, just(x)])).toThrow(`${factor} times x`);
  });

  test('is a quantity only when it is nothing else', () => {
    expect(just(x).quantity).toBe(x);
    expect(just(x).times(2).quantity).toBeUndefined();
    expect(sum([1, just(x)], [1, just(eps)]).quantity).toBeUndefined();
    expect(zero.quantity).toBeUndefined();
  });

  test('can be read', () => {
    expect(String(sum([0.5, just(x)], [-2, just(eps)], [1, just(other)]))).toBe(
      '0.5·x - 2·eps + other',
    );
    expect(String(just(eps).times(-1))).toBe('-eps');
    expect(String(zero)).toBe('0');
  });
});

describe('a linear system', () => {
  test('is solved, also where rows must be exchanged', () => {
    expect(
      solve(
        [
          [0, 2],
          [3, 0],
        ],
        [4, 9],
      ),
    ).toEqual([3, 2]);
    expect(solve([[4]], [2])).toEqual([0.5]);
    const matrix = [
      [1, 1, 1],
      [0.5, -1, 2],
      [0.25, 1, 4],
    ];
    const solution = solve(matrix, [6, 4.5, 14.25]);
    for (const [i, value] of [1, 2, 3].entries()) expect(solution[i]).toBeCloseTo(value, 12);
  });
});
