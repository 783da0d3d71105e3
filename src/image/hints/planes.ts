/**
 * Pictures as numbers that are not rounded between the steps of a hint's recipe, and OpenCV's filters over them.
 */

import type { Picture } from '../picture.ts';

/** Numbers of a picture, `channels` a pixel, rows from the top. */
export type Raster = {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
};

/** The colours of a picture as numbers from 0 to 255. */
export function rasterOf({ width, height, channels, data }: Picture): Raster {
  const values = Float32Array.from({ length: 3 * width * height }, (_, i) => {
    return data[Math.floor(i / 3) * channels + (i % 3)] ?? 0;
  });
  return { width, height, channels: 3, data: values };
}

/** A picture of one number a pixel, cut to 0 to 255 and rounded down, as numpy's `astype(uint8)` does. */
export function greyPicture(width: number, height: number, values: ArrayLike<number>): Picture {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const value = Math.min(255, Math.max(0, values[i] ?? 0));
    data.fill(Math.trunc(value), 3 * i, 3 * i + 3);
  }
  return { width, height, channels: 3, data };
}

/** The brightness that OpenCV's `COLOR_RGB2GRAY` gives: whole numbers from 0 to 255. */
export function brightness({ width, height, channels, data }: Picture): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const at = i * channels;
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
    // Weights .299, .587 and .114 of 2^15.
    return (red * 9798 + green * 19_235 + blue * 3735 + (1 << 14)) >> 15;
  });
}

/** OpenCV's `GaussianBlur` of floats with a kernel chosen for `sigma`: four deviations wide, mirrored at the edges. */
export function gaussianBlur(raster: Raster, sigma: number): Raster {
  const reach = (Math.round(sigma * 8 + 1) | 1) >> 1;
  const raw = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = raw.reduce((sum, value) => sum + value, 0);
  const weights = raw.map((value) => value / total);
  const { width, height, channels } = raster;
  const filter = (
    from: Float32Array,
    { count, line, step }: { count: number; line: (i: number) => number; step: number },
  ): Float32Array => {
    const result = new Float32Array(from.length);
    const lines = from.length / count;
    for (let i = 0; i < lines; i++) {
      const start = line(i);
      for (let at = 0; at < count; at++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) {
          sum += weights[k + reach]! * from[start + mirrored(at + k, count) * step]!;
        }
        result[start + at * step] = sum;
      }
    }
    return result;
  };
  const row = width * channels;
  const across = filter(raster.data, {
    count: width,
    line: (i) => Math.floor(i / channels) * row + (i % channels),
    step: channels,
  });
  const data = filter(across, { count: height, line: (i) => i, step: row });
  return { ...raster, data };
}

/** `raster` in another size by Keys' cubic with a = -0.75, without smoothing: OpenCV's `INTER_CUBIC`. */
export function resizeCubic(raster: Raster, width: number, height: number): Raster {
  const { channels } = raster;
  const columns = taps(raster.width, width);
  const rows = taps(raster.height, height);
  const across = new Float32Array(raster.height * width * channels);
  for (let y = 0; y < raster.height; y++) {
    for (const [x, { at, weights }] of columns.entries()) {
      for (let c = 0; c < channels; c++) {
        const value = (k: number): number =>
          raster.data[(y * raster.width + (at[k] ?? 0)) * channels + c] ?? 0;
        across[(y * width + x) * channels + c] = weighted(weights, value);
      }
    }
  }
  const data = new Float32Array(width * height * channels);
  const row = width * channels;
  for (const [y, { at, weights }] of rows.entries()) {
    for (let i = 0; i < row; i++) {
      data[y * row + i] = weighted(weights, (k) => across[(at[k] ?? 0) * row + i] ?? 0);
    }
  }
  return { width, height, channels, data };
}

type Tap = { readonly at: readonly number[]; readonly weights: readonly number[] };

function taps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, i) => {
    const center = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(center);
    const t = center - first;
    const at = [-1, 0, 1, 2].map((k) => Math.min(from - 1, Math.max(0, first + k)));
    return { at, weights: [keys(t + 1), keys(t), keys(1 - t), keys(2 - t)] };
  });
}

/** R. Keys, "Cubic convolution interpolation for digital image processing" (1981). */
function keys(x: number): number {
  const a = -0.75;
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

function weighted(weights: readonly number[], value: (k: number) => number): number {
  return weights.reduce((sum, weight, k) => sum + weight * value(k), 0);
}

/** Positions outside are those as far inside, the edge itself once. */
function mirrored(at: number, count: number): number {
  if (count === 1) return 0;
  const period = 2 * (count - 1);
  const folded = ((at % period) + period) % period;
  return folded < count ? folded : period - folded;
}
