/**
 * Resizing with a Lanczos filter: separable, three lobes, widened when shrinking so that nothing
 * aliases.
 *
 * Matches Pillow's `Image.resize(..., Resampling.LANCZOS)` to the bit, which is how diffusers fits an
 * init image: first along rows, then along columns, each pass with weights in fixed point and rounded
 * to bytes. Limitation: alpha is filtered like a colour, not premultiplied as Pillow does.
 */

import { blankPicture } from './picture.ts';
import type { Picture } from './picture.ts';

/** How many lobes of sinc the filter keeps on each side, in pixels of the coarser picture. */
const LOBES = 3;

/** Fractional bits of the weights, as in Pillow: 32 minus 8 for the byte and 2 for overshoot. */
const WEIGHT_ONE = 2 ** 22;

/** For each output position: the first input position, and the weights from there on. */
type Taps = { first: number; weights: Float64Array }[];

/** `picture` in another size; the same object when the size is what it was. */
export function resize(picture: Picture, size: { width: number; height: number }): Picture {
  const { width, height } = size;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1) {
      throw new RangeError(`size must be two positive integers, got ${width} x ${height}`);
    }
  }
  let result = picture;
  if (width !== result.width) result = resizeRows(result, width);
  if (height !== result.height) result = resizeColumns(result, height);
  return result;
}

function resizeRows(picture: Picture, width: number): Picture {
  const { channels, height } = picture;
  const result = blankPicture(width, height, channels);
  const taps = lanczosTaps(picture.width, width);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = y * picture.width * channels;
    for (const { first, weights } of taps) {
      for (let channel = 0; channel < channels; channel++) {
        const from = row + first * channels + channel;
        result.data[to++] = weightedSum(picture.data, from, channels, weights);
      }
    }
  }
  return result;
}

function resizeColumns(picture: Picture, height: number): Picture {
  const { channels, width } = picture;
  const result = blankPicture(width, height, channels);
  const stride = width * channels;
  let to = 0;
  for (const { first, weights } of lanczosTaps(picture.height, height)) {
    for (let i = 0; i < stride; i++) {
      result.data[to++] = weightedSum(picture.data, first * stride + i, stride, weights);
    }
  }
  return result;
}

function weightedSum(
  data: Uint8Array,
  from: number,
  stride: number,
  weights: Float64Array,
): number {
  let sum = WEIGHT_ONE / 2;
  for (let i = 0, at = from; i < weights.length; i++, at += stride) sum += weights[i]! * data[at]!;
  const rounded = Math.floor(sum / WEIGHT_ONE);
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

function lanczosTaps(from: number, to: number): Taps {
  const scale = from / to;
  const spread = Math.max(scale, 1);
  const support = LOBES * spread;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const weights = new Float64Array(end - first);
    for (let j = 0; j < weights.length; j++) {
      weights[j] = lanczos((first + j - center + 0.5) * (1 / spread));
    }
    return { first, weights: toFixedPoint(weights) };
  });
}

/** Scales `weights` to the sum {@link WEIGHT_ONE} and rounds each, halves away from zero. */
function toFixedPoint(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => {
    const scaled = weight * (1 / sum) * WEIGHT_ONE;
    return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
  });
}

function lanczos(x: number): number {
  return x >= -LOBES && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
