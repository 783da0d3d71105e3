/**
 * Brings a picture into another shape: stretched, cut, or with bars at its sides.
 */

import { croppedPicture } from './mask.ts';
import { blankPicture, type Picture } from './picture.ts';
import { resize } from './resize.ts';

/**
 * - `stretch`: the whole picture, its aspect lost.
 * - `cover`: the middle of the picture, as much as has the wanted aspect.
 * - `contain`: the whole picture in its own aspect, with bars at two sides.
 */
export type Fit = 'stretch' | 'cover' | 'contain';

/** Width and height in pixels. */
type Size = { readonly width: number; readonly height: number };

/** Options of {@link fitted}. */
export type FitOptions = {
  /** In pixels, of the result. */
  readonly size: Size;
  /** Of the result as it is looked at, width by height; default that of `size`. */
  readonly aspect?: number;
  /** What bars are made of: the picture's outermost pixels go on, or all channels have this byte. Default `edges`. */
  readonly bars?: 'edges' | number;
};

/** `picture` in the wanted size; the same object where it has that size already. */
export function fitted(picture: Picture, fit: Fit, options: FitOptions): Picture {
  const { size, bars = 'edges' } = options;
  const { aspect = size.width / size.height } = options;
  switch (fit) {
    case 'stretch':
      return resize(picture, size);
    case 'cover':
      return resize(covering(picture, aspect), size);
    case 'contain':
      return padded(resize(picture, contained(picture, size, aspect)), size, bars);
    default:
      return fit satisfies never;
  }
}

/** The middle of a picture, with this aspect to the nearest pixel. */
function covering(picture: Picture, aspect: number): Picture {
  const { width, height } = picture;
  const part: Size = {
    width: Math.min(width, Math.max(1, Math.round(height * aspect))),
    height: Math.min(height, Math.max(1, Math.round(width / aspect))),
  };
  if (part.width === width && part.height === height) return picture;
  const left = Math.floor((width - part.width) / 2);
  const top = Math.floor((height - part.height) / 2);
  return croppedPicture(picture, {
    left,
    top,
    right: left + part.width,
    bottom: top + part.height,
  });
}

/** How large a picture is within `size`, which is looked at with this aspect. */
function contained(picture: Picture, { width, height }: Size, aspect: number): Size {
  const own = picture.width / picture.height;
  return {
    width: Math.max(1, Math.round(width * Math.min(1, own / aspect))),
    height: Math.max(1, Math.round(height * Math.min(1, aspect / own))),
  };
}

function padded(picture: Picture, size: Size, bars: 'edges' | number): Picture {
  const { width, height, channels, data } = picture;
  if (width === size.width && height === size.height) return picture;
  const result = blankPicture(size.width, size.height, channels);
  const left = Math.floor((size.width - width) / 2);
  const top = Math.floor((size.height - height) / 2);
  for (let y = 0; y < size.height; y++) {
    const row = Math.min(height - 1, Math.max(0, y - top));
    for (let x = 0; x < size.width; x++) {
      const column = Math.min(width - 1, Math.max(0, x - left));
      const isOutside = row !== y - top || column !== x - left;
      const to = (y * size.width + x) * channels;
      const from = (row * width + column) * channels;
      if (isOutside && bars !== 'edges') result.data.fill(bars, to, to + channels);
      else result.data.set(data.subarray(from, from + channels), to);
    }
  }
  return result;
}
