/**
 * Masks: how much of each pixel is repainted, and what is made of a picture and its repainted version.
 */

import { blankPicture, type Picture } from './picture.ts';

/** One byte a pixel, rows from the top: 0 keeps, 255 repaints, what lies between mixes. */
export type Mask = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** A rectangle of pixels; `right` and `bottom` lie outside of it. */
export type Box = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/** Pillow's weights of red, green and blue for the mode `L`, of 2^16. */
const LUMA = [19595, 38470, 7471] as const;

/** The brightness of a picture as a mask, as Pillow converts to `L`; what is transparent is kept. */
export function maskFromPicture({ width, height, channels, data }: Picture): Mask {
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) {
    const at = i * channels;
    const [red, green, blue] = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
    const luma = (red * LUMA[0] + green * LUMA[1] + blue * LUMA[2] + 0x8000) >> 16;
    const alpha = channels === 4 ? (data[at + 3] ?? 255) : 255;
    mask[i] = Math.round((luma * alpha) / 255);
  }
  return { width, height, data: mask };
}

/** A mask of 0 and 255 alone: repainted is what is at least half white. */
export function binaryMask({ width, height, data }: Mask): Mask {
  return { width, height, data: data.map((value) => (value >= 128 ? 255 : 0)) };
}

/**
 * A mask with soft edges: a Gaussian of this standard deviation in pixels (0 leaves it as it is), cut off after 2.5
 * deviations, the edge's values going on outside, as in A1111's web UI.
 */
export function blurredMask(mask: Mask, sigma: number): Mask {
  const reach = Math.floor(2.5 * sigma + 0.5);
  if (reach < 1) return mask;
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const { width, height, data } = mask;
  const pass = (
    values: ArrayLike<number>,
    {
      count,
      length,
      step,
      stride,
    }: { count: number; length: number; step: number; stride: number },
  ): Float64Array => {
    const result = new Float64Array(width * height);
    for (let line = 0; line < count; line++) {
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (const [k, weight] of weights.entries()) {
          const at = Math.min(length - 1, Math.max(0, i + k - reach));
          sum += weight * (values[line * stride + at * step] ?? 0);
        }
        result[line * stride + i * step] = sum / total;
      }
    }
    return result;
  };
  const rows = pass(data, { count: height, length: width, step: 1, stride: width });
  const both = pass(rows, { count: width, length: height, step: width, stride: 1 });
  return { width, height, data: Uint8Array.from(both, (value) => Math.round(value)) };
}

/**
 * A mask whose edges are soft on the inside alone: where `mask` keeps, this keeps wholly, and at `2.5 * sigma` pixels from
 * there it repaints wholly.
 */
export function featheredMask(mask: Mask, sigma: number): Mask {
  const binary = binaryMask(mask);
  const { data } = blurredMask(binary, sigma);
  const soft = data.map((value, i) =>
    binary.data[i] === 255 ? Math.min(255, Math.max(1, 2 * value - 255)) : 0,
  );
  return { ...binary, data: sigma > 0 ? soft : binary.data };
}

/** The smallest rectangle around everything that is not kept; undefined when all is. */
export function maskBox({ width, height, data }: Mask): Box | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[y * width + x] ?? 0) === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  return right === 0 ? undefined : { left, top, right, bottom };
}

/**
 * A rectangle with `padding` pixels around it, made as wide for its height as `aspect` (width by height) says where the
 * picture has room for it.
 */
export function paddedBox(
  box: Box,
  { padding, aspect, width, height }: { padding: number; aspect: number } & Omit<Mask, 'data'>,
): Box {
  const spread = (
    [from, to]: readonly [number, number],
    wanted: number,
    limit: number,
  ): [number, number] => {
    const length = Math.min(limit, Math.max(to - from, Math.round(wanted)));
    const start = Math.round((from + to - length) / 2);
    const kept = Math.min(Math.max(0, start), limit - length);
    return [kept, kept + length];
  };
  const outer = {
    left: Math.max(0, box.left - padding),
    right: Math.min(width, box.right + padding),
    top: Math.max(0, box.top - padding),
    bottom: Math.min(height, box.bottom + padding),
  };
  const [wide, high] = [outer.right - outer.left, outer.bottom - outer.top];
  const [left, right] = spread([outer.left, outer.right], high * aspect, width);
  const [top, bottom] = spread([outer.top, outer.bottom], wide / aspect, height);
  return { left, right, top, bottom };
}

/** A part of a picture. */
export function croppedPicture(picture: Picture, { left, top, right, bottom }: Box): Picture {
  const { channels, width, data } = picture;
  const part = blankPicture(right - left, bottom - top, channels);
  const row = part.width * channels;
  for (let y = 0; y < part.height; y++) {
    const from = ((top + y) * width + left) * channels;
    part.data.set(data.subarray(from, from + row), y * row);
  }
  return part;
}

/** A part of a mask. */
export function croppedMask({ width, data }: Mask, { left, top, right, bottom }: Box): Mask {
  const part = new Uint8Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) {
    part.set(data.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, data: part };
}

/**
 * `original` with `painted` laid over it at `box`, as much as the mask says: where it is 0 every byte stays the
 * original's. `mask` has the size of the original, `painted` that of the box.
 */
export function composed(original: Picture, painted: Picture, mask: Mask, box: Box): Picture {
  const { width, channels } = original;
  const data = original.data.slice();
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++) {
      const share = mask.data[y * width + x] ?? 0;
      if (share === 0) continue;
      const to = (y * width + x) * channels;
      const from = ((y - box.top) * painted.width + (x - box.left)) * painted.channels;
      for (let c = 0; c < 3; c++) {
        const mixed = (data[to + c] ?? 0) * (255 - share) + (painted.data[from + c] ?? 0) * share;
        data[to + c] = Math.round(mixed / 255);
      }
      if (channels === 4) data[to + 3] = Math.max(data[to + 3] ?? 255, share);
    }
  }
  return { ...original, data };
}
