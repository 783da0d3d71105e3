/**
 * Floats of a VAE to bytes and back, and resizing, against numpy 2.4 and Pillow 13.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blankPicture,
  pictureFromPlanes,
  planesFromPicture,
  withAlpha,
  flattened,
} from '../../../src/image/picture.ts';
import type { Picture } from '../../../src/image/picture.ts';
import { crc32 } from '../../../src/image/png-chunks.ts';
import { resize } from '../../../src/image/resize.ts';
import { pictures } from './support.ts';

/** The same value in all three planes of a picture one pixel high. */
function graysOf(values: Float32Array): number[] {
  const planes = new Float32Array(values.length * 3);
  for (let channel = 0; channel < 3; channel++) planes.set(values, channel * values.length);
  const { data } = pictureFromPlanes(planes, { width: values.length, height: 1 });
  return Array.from({ length: values.length }, (_, i) => data[i * 3]!);
}

describe('planes to pixels', () => {
  test('rounds to the nearest byte, halves to the even one, and clamps', () => {
    const x = [-2, -1, -0.999, -0.5, -1 / 255, 0, 1 / 255, 0.25, 0.4, 0.75, 1, 3];
    // -0.5 is 63.75 and 0 is 127.5; 0.25 is 159.375.
    const bytes = [0, 0, 0, 64, 127, 128, 128, 159, 178, 223, 255, 255];
    expect(graysOf(Float32Array.from(x))).toEqual(bytes);
  });

  test('equals numpy at every half between two bytes', () => {
    // ((np.arange(255) + 0.5) / 255 * 2 - 1).astype(np.float32), then
    // zlib.crc32((np.clip(x / 2 + np.float32(.5), 0, 1) * 255).round().astype('uint8').tobytes())
    const halves = Float32Array.from({ length: 255 }, (_, i) => ((i + 0.5) / 255) * 2 - 1);
    expect(crc32(new Uint8Array(halves.buffer))).toBe(3104156660);
    expect(crc32(Uint8Array.from(graysOf(halves)))).toBe(160284122);
  });

  test('keeps channels apart and rows in order', () => {
    const planes = Float32Array.of(-1, 1, -1, 1, /* green */ 1, 1, -1, -1, /* blue */ 0, 0, 0, 0);
    const { data } = pictureFromPlanes(planes, { width: 2, height: 2 });
    expect([...data]).toEqual([0, 255, 128, 255, 255, 128, 0, 0, 128, 255, 0, 128]);
  });

  test('makes alpha opaque', () => {
    const picture = pictureFromPlanes(Float32Array.of(-1, 1, 0), {
      width: 1,
      height: 1,
      channels: 4,
    });
    expect([...picture.data]).toEqual([0, 255, 128, 255]);
  });

  test('gives zero for NaN rather than anything at random', () => {
    expect(graysOf(Float32Array.of(NaN))).toEqual([0]);
  });

  test('refuses too few values', () => {
    expect(() => pictureFromPlanes(new Float32Array(11), { width: 2, height: 2 })).toThrow(
      'planes must hold 3 x 2 x 2 values, got 11',
    );
  });
});

describe('pixels to planes', () => {
  test('equals numpy for every byte', () => {
    // x = np.arange(256, dtype=np.uint8).astype(np.float32) / 255.0; zlib.crc32((2.0 * x - 1.0).tobytes())
    const picture: Picture = { ...blankPicture(256, 1, 3), data: new Uint8Array(768) };
    for (let i = 0; i < 768; i++) picture.data[i] = Math.floor(i / 3);
    const plane = planesFromPicture(picture).slice(0, 256);
    expect(crc32(new Uint8Array(plane.buffer))).toBe(3056371012);
  });

  test('comes back as the same pixels', () => {
    fc.assert(
      fc.property(pictures(), (picture) => {
        const { width, height } = picture;
        const opaque = flattened(picture);
        const back = pictureFromPlanes(planesFromPicture(opaque), { width, height });
        expect(back).toEqual(opaque);
      }),
      { numRuns: 50 },
    );
  });

  test('adds and drops alpha', () => {
    const rgb: Picture = {
      width: 2,
      height: 1,
      channels: 3,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    };
    expect([...withAlpha(rgb).data]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
    expect(flattened(withAlpha(rgb))).toEqual(rgb);
    expect(flattened(rgb)).toBe(rgb);
  });

  test('lies over white where it is transparent', () => {
    const data = Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255, 100, 0, 255, 51);
    const picture: Picture = { width: 3, height: 1, channels: 4, data };
    // A fifth of the colour and four fifths of white.
    expect([...flattened(picture).data]).toEqual([255, 255, 255, 10, 20, 30, 224, 204, 255]);
  });
});

/** A picture of 13 x 9 with edges, ramps and repetitions. */
function sample(): Picture {
  const picture = blankPicture(13, 9, 3);
  for (let y = 0, i = 0; y < 9; y++) {
    for (let x = 0; x < 13; x++) {
      for (let c = 0; c < 3; c++)
        picture.data[i++] = x * x * 7 + y * y * 13 + x * y * c * 5 + c * 40;
    }
  }
  return picture;
}

describe('resizing', () => {
  // a[y, x, c] = x*x*7 + y*y*13 + x*y*c*5 + c*40 as uint8; then for each size
  // zlib.crc32(Image.fromarray(a, 'RGB').resize(size, Image.Resampling.LANCZOS).tobytes())
  test.each([
    [26, 18, 0xd2be1a27],
    [29, 20, 0xc9da19ac],
    [104, 72, 0xc48310fb],
    [8, 8, 0xb709cf75],
    [5, 4, 0xea1ce309],
    [13, 20, 0x36d82ccc],
    [30, 9, 0xe8b23638],
    [1, 1, 0xcfa53f2c],
    [12, 8, 0xaf053eb1],
    [6, 30, 0x8da92a3b],
  ])('to %i x %i equals Pillow to the bit', (width, height, crc) => {
    expect(crc32(resize(sample(), { width, height }).data)).toBe(crc);
  });

  test('gives the same picture at factor 1', () => {
    const picture = sample();
    expect(resize(picture, { width: 13, height: 9 })).toBe(picture);
  });

  const size = { width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) };

  test('leaves a constant picture constant', () => {
    const bytes = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.record(size), fc.record(size), bytes, (from, to, byte) => {
        const picture = blankPicture(from.width, from.height, 3);
        picture.data.fill(byte);
        expect(resize(picture, to).data.every((value) => value === byte)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps the mean of a smooth picture, up and down', () => {
    const wave = blankPicture(64, 64, 3);
    wave.data.forEach((_, i) => {
      const x = Math.floor(i / 3) % 64;
      wave.data[i] = 128 + 100 * Math.cos((x / 64) * 4 * Math.PI);
    });
    const mean = ({ data }: Picture): number =>
      data.reduce((sum, byte) => sum + byte) / data.length;
    for (const width of [16, 40, 96, 128]) {
      // Half a byte: each of the two passes rounds.
      expect(Math.abs(mean(resize(wave, { width, height: 64 })) - mean(wave))).toBeLessThan(0.5);
    }
  });

  test('mirrors with the picture', () => {
    const mirrored = (picture: Picture): Picture => {
      const { width, channels, data } = picture;
      const result = blankPicture(width, picture.height, channels);
      result.data.forEach((_, i) => {
        const x = Math.floor(i / channels) % width;
        result.data[i] = data[i + (width - 1 - 2 * x) * channels]!;
      });
      return result;
    };
    const to = { width: 31, height: 22 };
    expect(resize(mirrored(sample()), to)).toEqual(mirrored(resize(sample(), to)));
  });

  test('refuses sizes that are none', () => {
    expect(() => resize(sample(), { width: 0, height: 4 })).toThrow('size must be two positive');
    expect(() => resize(sample(), { width: 4.5, height: 4 })).toThrow(RangeError);
  });
});
