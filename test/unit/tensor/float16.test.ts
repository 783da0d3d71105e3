/**
 * Half precision and bfloat16, against definitions written out independently: a half's value from
 * its fields in double arithmetic, and rounding as "the nearest pattern, the even one of two".
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  bfloat16ToFloat32Array,
  float16ToFloat32,
  float16ToFloat32Array,
  float32ToBfloat16,
  float32ToBfloat16Array,
  float32ToFloat16,
  float32ToFloat16Array,
} from '../../../src/tensor/float16.ts';

const PATTERNS = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** IEEE 754-2019 section 3.4 for binary16, in doubles. */
function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent
    ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
    : sign * fraction * 2 ** -24;
}

function valueOfBfloat16(pattern: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, pattern);
  return view.getFloat32(0);
}

/** The finite non-negative patterns are ordered as their values are: search, then compare. */
function nearestPattern(value: number, of: (pattern: number) => number, infinity: number): number {
  const magnitude = Math.abs(value);
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (of(middle) <= magnitude) low = middle;
    else high = middle;
  }
  // One step past the largest finite number stands for infinity, as the standard's rounding has it.
  const above = high === infinity ? 2 * of(infinity - 1) - of(infinity - 2) : of(high);
  const toLow = magnitude - of(low);
  const toHigh = above - magnitude;
  const isLow = toLow < toHigh || (toLow === toHigh && low % 2 === 0);
  return (Object.is(Math.sign(value), -0) || value < 0 ? 0x8000 : 0) | (isLow ? low : high);
}

const isNaNPattern = (half: number) => (half & 0x7fff) > 0x7c00;

/** Single-precision numbers near and around the range of halves, with exact ties among them. */
const singles = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ min: -70000, max: 70000, noNaN: true }),
  fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4), noNaN: true }),
  fc
    .tuple(fc.integer({ min: 0, max: 0x7bff }), fc.constantFrom(-1, 0, 1), fc.boolean())
    .map(([half, nudge, negative]) => {
      const tie = (valueOfHalf(half) + valueOfHalf(half + 1 === 0x7c00 ? half : half + 1)) / 2;
      const bits = new Uint32Array(Float32Array.of(tie).buffer);
      bits[0] = Math.max(0, bits[0]! + nudge);
      return new Float32Array(bits.buffer)[0]! * (negative ? -1 : 1);
    }),
);

describe('float16', () => {
  it('widens every half pattern to its value by definition', () => {
    for (const half of PATTERNS) expect(float16ToFloat32(half)).toBe(valueOfHalf(half));
  });

  it('gives every pattern back after widening and narrowing', () => {
    for (const half of PATTERNS) {
      const back = float32ToFloat16(float16ToFloat32(half));
      expect(isNaNPattern(half) ? isNaNPattern(back) : back === half).toBe(true);
    }
  });

  it('rounds to the nearest half, and to the even one of two equally near', () => {
    fc.assert(
      fc.property(singles, (value) => {
        expect(float32ToFloat16(value)).toBe(nearestPattern(value, valueOfHalf, 0x7c00));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['the largest half', 65504, 0x7bff],
    ['just below the middle to the next power of two', 65519.99609375, 0x7bff],
    ['the middle, which overflows', 65520, 0x7c00],
    ['far above', 1e30, 0x7c00],
    ['negative infinity', -Infinity, 0xfc00],
    ['negative zero', -0, 0x8000],
    ['the smallest subnormal', 2 ** -24, 1],
    ['half the smallest subnormal, a tie with zero', 2 ** -25, 0],
    ['a little more than that', 2 ** -25 * (1 + 2 ** -23), 1],
    ['a tie between two subnormals', 3 * 2 ** -25, 2],
    ['the middle between the largest subnormal and the smallest normal', 2047 * 2 ** -25, 0x400],
    ['the smallest single', 2 ** -149, 0],
    ['1 plus half a step, a tie', 1 + 2 ** -11, 0x3c00],
  ])('narrows %s', (_, value, half) => {
    expect(float32ToFloat16(value)).toBe(half);
  });

  it('keeps every NaN a NaN, also one whose payload lies in the bits that are cut off', () => {
    for (const bits of [0x7f800001, 0x7fc00000, 0xff800001, 0xffffffff, 0x7f801fff]) {
      const value = new Float32Array(Uint32Array.of(bits).buffer);
      expect(isNaNPattern(float32ToFloat16Array(value)[0]!)).toBe(true);
      expect(Number.isNaN(bfloat16ToFloat32(float32ToBfloat16Array(value)[0]!))).toBe(true);
    }
  });
});

describe('bfloat16', () => {
  it('widens every pattern to the single that has it as upper half', () => {
    for (const pattern of PATTERNS) {
      expect(bfloat16ToFloat32(pattern)).toBe(valueOfBfloat16(pattern));
    }
  });

  it('gives every pattern back after widening and narrowing', () => {
    for (const pattern of PATTERNS) {
      const value = bfloat16ToFloat32(pattern);
      const back = float32ToBfloat16(value);
      expect(Number.isNaN(value) || back === pattern).toBe(true);
    }
  });

  it('rounds to nearest, ties to even, and overflows to infinity', () => {
    fc.assert(
      fc.property(singles, (value) => {
        expect(float32ToBfloat16(value)).toBe(nearestPattern(value, valueOfBfloat16, 0x7f80));
      }),
      { numRuns: 5000 },
    );
    expect(float32ToBfloat16(3.4028234663852886e38)).toBe(0x7f80);
    expect(float32ToBfloat16(1 + 2 ** -8)).toBe(0x3f80); // ties, to the even pattern below and above
    expect(float32ToBfloat16(-1 - 3 * 2 ** -8)).toBe(0xbf82);
  });
});

describe('arrays', () => {
  it('convert exactly as single numbers do', () => {
    const halves = float16ToFloat32Array(PATTERNS);
    const brains = bfloat16ToFloat32Array(PATTERNS);
    for (const pattern of PATTERNS) {
      expect(halves[pattern]).toBe(float16ToFloat32(pattern));
      expect(brains[pattern]).toBe(bfloat16ToFloat32(pattern));
    }
    fc.assert(
      fc.property(fc.array(singles, { maxLength: 40 }), (values) => {
        const source = Float32Array.from(values);
        expect([...float32ToFloat16Array(source)]).toEqual(values.map(float32ToFloat16));
        expect([...float32ToBfloat16Array(source)]).toEqual(values.map(float32ToBfloat16));
      }),
    );
  });

  it('write into a part of a larger array when given one, and refuse another length', () => {
    const target = new Float32Array(4);
    float16ToFloat32Array(Uint16Array.of(0x3c00, 0xc000), target.subarray(1, 3));
    expect([...target]).toEqual([0, 1, -2, 0]);
    expect(() => float32ToFloat16Array(target, new Uint16Array(3))).toThrow(RangeError);
  });
});
