/**
 * A picture by an upscaler, in any size: the network's own factor first, then a filter to the size that was asked for.
 */

import type { Picture } from '../image/picture.ts';
import { resize } from '../image/resize.ts';
import type { EnlargeOptions, Upscaler } from '../models/upscaler.ts';

/** A picture to enlarge; plain data. */
export type EnlargeRequest = {
  readonly picture: Picture;
  /** Factor on height and width, from 1; a network's own one needs no filter behind it. */
  readonly scale: number;
};

/**
 * The larger picture. Alpha, where there is any, is enlarged by the filter alone (Lanczos of three lobes).
 *
 * @throws EngineError as {@link Upscaler.enlarge}.
 */
export async function enlarge(
  upscaler: Upscaler,
  { picture, scale }: EnlargeRequest,
  options: EnlargeOptions = {},
): Promise<Picture> {
  const size = {
    width: Math.round(picture.width * scale),
    height: Math.round(picture.height * scale),
  };
  const larger = resize(await upscaler.enlarge(picture, options), size);
  return picture.channels === 3 ? larger : withColours(resize(picture, size), larger);
}

/** A picture with alpha, its colours replaced by those of one of the same size. */
function withColours({ data, ...size }: Picture, { data: colours }: Picture): Picture {
  const result = data.slice();
  for (let from = 0, to = 0; from < colours.length; from += 3, to += 4)
    result.set(colours.subarray(from, from + 3), to);
  return { ...size, data: result };
}
