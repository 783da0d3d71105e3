/**
 * Drawn lines of a picture, white on black, as ControlNets of line drawings and scribbles were shown them.
 */

import type { Picture } from '../picture.ts';
import { gaussianBlur, greyPicture, rasterOf } from './planes.ts';

/** Standard deviation in pixels of what counts as the surroundings of a line. */
const SURROUNDINGS = 6;

/** Differences up to this are no lines, and are left out where the usual strength of lines is told. */
const FAINT = 8;

/**
 * Line art: how much darker a pixel is than its surroundings, in the channel in which it is the least so, scaled so that the
 * median of all lines is a mid grey. The recipe that controlnet_aux calls standard line art.
 */
export function lineArt(picture: Picture): Picture {
  const { width, height } = picture;
  const raster = rasterOf(picture);
  const around = gaussianBlur(raster, SURROUNDINGS);
  const darker = leastOf(width * height, (i) => around.data[i]! - raster.data[i]!);
  const strengths = darker.map((value) => Math.min(255, Math.max(0, value)));
  const scale = Math.max(16, medianOf(strengths.filter((value) => value > FAINT)));
  return greyPicture(
    width,
    height,
    strengths.map((value) => (value / scale) * 127),
  );
}

/** Standard deviations in pixels of the two Gaussians whose difference is a scribble. */
const FINE = 0.5;
const COARSE = 5;

/**
 * A scribble: white where the difference of Gaussians says that a pixel is darker than its surroundings, by more than half of
 * `threshold` in every channel. H. Winnemöller, "XDoG" (2011), at its simplest.
 */
export function scribble(picture: Picture, threshold = 32): Picture {
  const { width, height } = picture;
  const raster = rasterOf(picture);
  const [fine, coarse] = [gaussianBlur(raster, FINE), gaussianBlur(raster, COARSE)];
  const darker = leastOf(width * height, (i) => coarse.data[i]! - fine.data[i]!);
  return greyPicture(
    width,
    height,
    // Compared are whole numbers, rounded up.
    darker.map((value) => (2 * Math.ceil(value) > threshold ? 255 : 0)),
  );
}

/** Of three channels, the least number of each pixel. */
function leastOf(count: number, value: (i: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(value(3 * i), value(3 * i + 1), value(3 * i + 2)),
  );
}

/** Of an even count the mean of the two in the middle; 0 of none. */
function medianOf(values: Float32Array): number {
  const sorted = values.toSorted();
  const half = sorted.length / 2;
  return sorted.length === 0
    ? 0
    : ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
