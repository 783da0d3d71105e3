/**
 * Masks: Pillow's brightness, a Gaussian's properties, boxes, and pixels that must not change.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binaryMask,
  blurredMask,
  composed,
  croppedMask,
  croppedPicture,
  featheredMask,
  maskBox,
  maskFromPicture,
  paddedBox,
  type Mask,
} from '../../../src/image/mask.ts';
import type { Picture } from '../../../src/image/picture.ts';

function maskOf(width: number, ...rows: string[]): Mask {
  const data = Uint8Array.from(rows.join(''), (c) => (c === '#' ? 255 : 0));
  return { width, height: rows.length, data };
}

describe('a mask from a picture', () => {
  it('is its brightness, as Pillow 13.0 computes convert("L")', () => {
    const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 77, 250, 251, 252];
    const picture: Picture = { width: 5, height: 1, channels: 3, data: Uint8Array.from(colours) };
    expect([...maskFromPicture(picture).data]).toEqual([76, 150, 29, 130, 251]);
  });

  it('keeps what is transparent', () => {
    const data = Uint8Array.of(255, 255, 255, 0, 255, 255, 255, 255);
    expect([...maskFromPicture({ width: 2, height: 1, channels: 4, data }).data]).toEqual([0, 255]);
  });

  it('is cut at the half', () => {
    const mask = { width: 3, height: 1, data: Uint8Array.of(127, 128, 255) };
    expect([...binaryMask(mask).data]).toEqual([0, 255, 255]);
  });
});

describe('a blurred mask', () => {
  it('is a Gaussian step: half at the edge, whole beyond 2.5 deviations', () => {
    const mask = maskOf(64, '#'.repeat(32) + '.'.repeat(32));
    const { data } = blurredMask(mask, 4);
    expect(Math.abs((data[31] ?? 0) + (data[32] ?? 0) - 255)).toBeLessThanOrEqual(1);
    expect([data[31 - 10], data[32 + 10]]).toEqual([255, 0]);
    expect([...data].every((value, i) => i === 0 || value <= (data[i - 1] ?? 0))).toBe(true);
  });

  it('is the same along both axes, and is itself without blur', () => {
    const wide = maskOf(9, '...###...', '...###...', '.........');
    const turned: Mask = {
      width: 3,
      height: 9,
      data: Uint8Array.from(
        { length: 27 },
        (_, i) => wide.data[(i % 3) * 9 + Math.floor(i / 3)] ?? 0,
      ),
    };
    const [a, b] = [blurredMask(wide, 1), blurredMask(turned, 1)];
    const back = Uint8Array.from(
      { length: 27 },
      (_, i) => b.data[(i % 9) * 3 + Math.floor(i / 9)] ?? 0,
    );
    expect([...back]).toEqual([...a.data]);
    expect(blurredMask(wide, 0)).toBe(wide);
  });
});

describe('a feathered mask', () => {
  it('keeps all that the mask keeps, and repaints wholly a few pixels inside', () => {
    const mask = maskOf(64, '.'.repeat(16) + '#'.repeat(32) + '.'.repeat(16));
    const { data } = featheredMask(mask, 2);
    expect([...data].every((value, i) => (value === 0) === (mask.data[i] === 0))).toBe(true);
    expect([data[32], (data[16] ?? 0) < 90, featheredMask(mask, 0).data[16]]).toEqual([
      255,
      true,
      255,
    ]);
  });
});

describe('the box of a mask', () => {
  it('is the smallest around it', () => {
    expect(maskBox(maskOf(5, '.....', '..#..', '...#.'))).toEqual({
      left: 2,
      top: 1,
      right: 4,
      bottom: 3,
    });
    expect(maskBox(maskOf(2, '..', '..'))).toBeUndefined();
  });

  it('padded stays in the picture, holds the box, and has the aspect where there is room', () => {
    const size = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(
        size,
        size,
        fc.nat(),
        fc.nat(),
        size,
        size,
        fc.nat(40),
        (W, H, x, y, w, h, padding) => {
          const box = { left: x % W, top: y % H, right: 0, bottom: 0 };
          const inner = {
            ...box,
            right: Math.min(W, box.left + w),
            bottom: Math.min(H, box.top + h),
          };
          const out = paddedBox(inner, { padding, aspect: 1.5, width: W, height: H });
          expect(out.left).toBeGreaterThanOrEqual(0);
          expect(out.top).toBeGreaterThanOrEqual(0);
          expect(out.right).toBeLessThanOrEqual(W);
          expect(out.bottom).toBeLessThanOrEqual(H);
          expect(out.left <= inner.left && out.right >= inner.right).toBe(true);
          expect(out.top <= inner.top && out.bottom >= inner.bottom).toBe(true);
          const [wide, high] = [out.right - out.left, out.bottom - out.top];
          const isCramped = wide === W || high === H;
          expect(isCramped || Math.abs(wide - 1.5 * high) <= 2).toBe(true);
        },
      ),
    );
  });
});

describe('a picture with a part repainted', () => {
  it('equals the original to the last bit outside the mask', () => {
    const bytes = fc.uint8Array({ minLength: 6 * 4 * 4, maxLength: 6 * 4 * 4 });
    fc.assert(
      fc.property(bytes, bytes, (one, two) => {
        const original: Picture = { width: 6, height: 4, channels: 4, data: one };
        const mask = blurredMask(maskOf(6, '......', '..#...', '......', '......'), 0.5);
        const box = { left: 1, top: 0, right: 5, bottom: 3 };
        const painted = croppedPicture({ ...original, data: two }, box);
        const result = composed(original, painted, mask, box);
        const pixel = (data: Uint8Array, i: number): string => data.slice(i * 4, i * 4 + 3).join();
        const wrong = [...mask.data].filter((share, i) => {
          const own = pixel(result.data, i);
          return (share === 0 && own !== pixel(one, i)) || (share === 255 && own !== pixel(two, i));
        });
        expect(wrong).toEqual([]);
      }),
    );
  });

  it('crops mask and picture alike', () => {
    const box = { left: 1, top: 1, right: 3, bottom: 2 };
    expect([...croppedMask(maskOf(4, '....', '.##.', '####'), box).data]).toEqual([255, 255]);
    const picture: Picture = {
      width: 4,
      height: 2,
      channels: 3,
      data: Uint8Array.from({ length: 24 }, (_, i) => i),
    };
    expect([...croppedPicture(picture, box).data]).toEqual([15, 16, 17, 18, 19, 20]);
  });
});
