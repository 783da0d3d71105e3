/**
 * The size of pictures that take it from their init image.
 */

import { MIN_SIDE } from './fields.ts';

/** Width and height in pixels. */
export type Size = { readonly width: number; readonly height: number };

/**
 * In which size to draw a picture that is delivered in its init image's size.
 *
 * The nearest multiples of 8, reduced to `maxSide` on the longer side with the aspect kept. The result
 * is then resized to the init image's size, which enlarges it when that was reduced.
 */
export function drawnSize(image: Size, maxSide: number): Size {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height));
  const side = (pixels: number): number => {
    const nearest = Math.round((pixels * scale) / 8) * 8;
    return Math.min(Math.max(nearest, MIN_SIDE), maxSide - (maxSide % 8));
  };
  return { width: side(image.width), height: side(image.height) };
}
