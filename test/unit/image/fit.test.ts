/**
 * Pictures brought into another shape: pixels by hand.
 */

import { describe, expect, test } from 'vitest';
import { fitted, type Fit } from '../../../src/image/fit.ts';
import type { Picture } from '../../../src/image/picture.ts';

/** One number a pixel, in all three channels. */
function grey(width: number, ...values: number[]): Picture {
  const data = Uint8Array.from(values.flatMap((value) => [value, value, value]));
  return { width, height: values.length / width, channels: 3, data };
}

const reds = ({ data }: Picture): number[] => [...data].filter((_, i) => i % 3 === 0);

describe('a picture of 4x2', () => {
  const picture = grey(4, 1, 2, 3, 4, 5, 6, 7, 8);

  test('covers a square with its middle', () => {
    expect(reds(fitted(picture, 'cover', { size: { width: 2, height: 2 } }))).toEqual([2, 3, 6, 7]);
  });

  test('is contained in a square between bars of its edges, or of a byte', () => {
    const size = { width: 4, height: 4 };
    expect(reds(fitted(picture, 'contain', { size }))).toEqual(
      [1, 1, 5, 5].flatMap((first) => [first, first + 1, first + 2, first + 3]),
    );
    const white = fitted(picture, 'contain', { size, bars: 255 });
    expect(reds(white).slice(0, 8)).toEqual([255, 255, 255, 255, 1, 2, 3, 4]);
    expect(reds(white).slice(12)).toEqual([255, 255, 255, 255]);
  });

  test.each(['stretch', 'cover', 'contain'] as const)('stays itself at its size by %s', (fit) => {
    expect(fitted(picture, fit, { size: { width: 4, height: 2 } })).toBe(picture);
  });

  test('that is looked at in another aspect than it is drawn in is cut for that aspect', () => {
    // Drawn as 2x2 and looked at twice as wide as high: nothing of it is cut off.
    const size = { width: 2, height: 2 };
    const whole = fitted(picture, 'cover', { size, aspect: 2 });
    expect(whole).toEqual(fitted(picture, 'stretch', { size }));
  });
});

test.each<[Fit, number, number]>([
  ['cover', 1, 3000],
  ['contain', 3000, 1],
  ['cover', 3000, 1],
  ['contain', 1, 3000],
])('%s takes a picture of %i x %i', (fit, width, height) => {
  const picture = grey(width, ...Array<number>(width * height).fill(9));
  const result = fitted(picture, fit, { size: { width: 8, height: 8 } });
  expect(reds(result)).toEqual(Array<number>(64).fill(9));
});
