/**
 * Symbolic sizes: one text for one size, exact halves where they were promised.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ceilDiv,
  evaluateCount,
  evaluateDim,
  minus,
  sameDim,
  solveFor,
  symbol,
  times,
  type Dim,
} from '../../../src/graph/dim.ts';

const B = symbol('B');
const H = symbol('H', { multipleOf: 8 });
const W = symbol('W');

describe('the text of a size', () => {
  test('is the same for the same factors in any order', () => {
    expect(String(times(2, B, H, W, 3))).toBe('6*B*H*W');
    expect(String(times(W, 6, H, B))).toBe('6*B*H*W');
    expect(sameDim(times(B, times(H, W)), times(times(W, B), H))).toBe(true);
  });

  test('keeps a factor that comes twice', () => {
    expect(String(times(H, H))).toBe('H*H');
  });

  test('shows fractions in lowest terms', () => {
    expect(String(ceilDiv(H, 4))).toBe('H/4');
    expect(String(times(ceilDiv(H, 4), 6))).toBe('3*H/2');
  });

  test('is a plain number where nothing is open', () => {
    expect(times(3, 4)).toBe(12);
    expect(times()).toBe(1);
    expect(ceilDiv(7, 2)).toBe(4);
    expect(minus(7, 2)).toBe(5);
  });
});

describe('halving and doubling', () => {
  test('gives the size back as often as the promise holds', () => {
    const eighth = ceilDiv(ceilDiv(ceilDiv(H, 2), 2), 2);
    expect(String(eighth)).toBe('H/8');
    expect(times(eighth, 8)).toEqual(H);
    expect(String(times(eighth, 8))).toBe('H');
  });

  test('rounds up where nothing was promised, and does not give the size back', () => {
    const half = ceilDiv(W, 2);
    expect(String(half)).toBe('ceil(W/2)');
    expect(evaluateDim(half, { W: 7 })).toBe(4);
    expect(sameDim(times(half, 2), W)).toBe(false);
    expect(evaluateDim(times(half, 2), { W: 7 })).toBe(8);
  });

  test('rounds up once the promise is used up', () => {
    const sixteenth = ceilDiv(ceilDiv(H, 8), 2);
    expect(String(sixteenth)).toBe('ceil(H/8/2)');
    expect(evaluateDim(sixteenth, { H: 24 })).toBe(2);
  });

  test('uses a whole factor, too', () => {
    expect(String(ceilDiv(times(4, W), 2))).toBe('2*W');
    expect(String(ceilDiv(W, 1))).toBe('W');
  });
});

describe('a difference', () => {
  test('is told by its parts', () => {
    const rest = minus(times(H, W), times(3, ceilDiv(times(H, W), 4)));
    expect(evaluateDim(rest, { H: 8, W: 5 })).toBe(10);
    expect(String(minus(W, 3))).toBe('(W-3)');
    expect(evaluateDim(minus(10, W), { W: 3 })).toBe(7);
  });
});

describe('solving for a symbol', () => {
  test('undoes factors and fractions', () => {
    expect(solveFor(times(8, W), 512)).toEqual({ name: 'W', value: 64 });
    expect(solveFor(ceilDiv(H, 8), 8)).toEqual({ name: 'H', value: 64 });
    expect(solveFor(B, 2)).toEqual({ name: 'B', value: 2 });
  });

  test('is impossible for numbers, several symbols, and rounded sizes', () => {
    expect(solveFor(3, 3)).toBeUndefined();
    expect(solveFor(times(H, W), 3)).toBeUndefined();
    expect(solveFor(ceilDiv(W, 2), 3)).toBeUndefined();
    expect(solveFor(minus(W, 2), 3)).toBeUndefined();
  });
});

describe('evaluating', () => {
  test('says which size has no value', () => {
    expect(() => evaluateDim(times(B, W), { B: 1 })).toThrow('no value for the size W');
  });

  test.each([12, 0, -8, 8.5, NaN])('refuses %s for a positive multiple of 8', (value) => {
    expect(() => evaluateDim(H, { H: value })).toThrow('positive multiple of 8');
  });

  test('refuses a result that is no whole number', () => {
    const third = ceilDiv(times(3, W), 3);
    expect(evaluateDim(third, { W: 2 })).toBe(2);
    const broken = times(ceilDiv(symbol('X', { multipleOf: 4 }), 4), 1);
    expect(() => evaluateDim(broken, { X: 6 })).toThrow(RangeError);
  });

  test('counts elements', () => {
    expect(evaluateCount([B, 4, H, W], { B: 2, H: 8, W: 3 })).toBe(192);
    expect(evaluateCount([], {})).toBe(1);
  });
});

/** Sizes as networks make them: products of symbols, numbers, halves and differences of those. */
const { dim } = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Dim>(B, H, W),
    fc.integer({ min: 1, max: 12 }),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => times(a, b)),
    fc.tuple(tie('dim'), fc.integer({ min: 1, max: 4 })).map(([a, by]) => ceilDiv(a, by)),
    fc.tuple(tie('dim'), fc.integer({ min: 1, max: 3 })).map(([a, by]) => minus(times(a, 4), by)),
  ),
}));
const bindings = fc.record({
  B: fc.integer({ min: 1, max: 4 }),
  H: fc.integer({ min: 1, max: 9 }).map((n) => 8 * n),
  W: fc.integer({ min: 1, max: 70 }),
});

describe('any sizes', () => {
  test('of equal text have equal values', () => {
    fc.assert(
      fc.property(fc.array(dim, { minLength: 2, maxLength: 8 }), bindings, (dims, values) => {
        const byText = new Map<string, number>();
        for (const each of dims) {
          const value = evaluateDim(each, values);
          expect(byText.get(String(each)) ?? value).toBe(value);
          byText.set(String(each), value);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('multiply and round up like numbers', () => {
    fc.assert(
      fc.property(dim, dim, fc.integer({ min: 1, max: 9 }), bindings, (a, b, by, values) => {
        const [x, y] = [evaluateDim(a, values), evaluateDim(b, values)];
        expect(evaluateDim(times(a, b), values)).toBe(x * y);
        expect(evaluateDim(ceilDiv(a, by), values)).toBe(Math.ceil(x / by));
        expect(evaluateDim(minus(times(a, 10), b), values)).toBe(10 * x - y);
      }),
    );
  });

  test('have one text however they are multiplied', () => {
    fc.assert(
      fc.property(dim, dim, dim, (a, b, c) => {
        expect(sameDim(times(a, b, c), times(c, times(b, a)))).toBe(true);
      }),
    );
  });
});
