/**
 * A picture whose parts are moved to smooth random places: its colours without its composition, as the ControlNet named
 * shuffle was shown them.
 */

import { blankPicture, type Picture } from '../picture.ts';
import { resizeCubic, type Raster } from './planes.ts';

/** Pixels between two random numbers. */
const CELL = 256;

/**
 * The recipe that controlnet_aux calls content shuffle.
 *
 * @param random gives numbers from 0 to 1: with numpy's after `numpy.random.seed`, the picture is the same as there.
 */
export function shuffled(picture: Picture, random: () => number): Picture {
  const { width, height, channels } = picture;
  const across = noiseDisk(width, height, random);
  const down = noiseDisk(width, height, random);
  const result = blankPicture(width, height, 3);
  for (let i = 0; i < width * height; i++) {
    const x = (across[i] ?? 0) * (width - 1);
    const y = (down[i] ?? 0) * (height - 1);
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
    const [u, v] = [x - left, y - top];
    for (let c = 0; c < 3; c++) {
      const value = (column: number, row: number): number =>
        picture.data[(row * width + column) * channels + c] ?? 0;
      const above = value(left, top) * (1 - u) + value(right, top) * u;
      const below = value(left, bottom) * (1 - u) + value(right, bottom) * u;
      result.data[3 * i + c] = Math.round(above * (1 - v) + below * v);
    }
  }
  return result;
}

/** Smooth noise over a picture, from 0 to 1. */
function noiseDisk(width: number, height: number, random: () => number): Float32Array {
  const columns = Math.floor(width / CELL) + 2;
  const rows = Math.floor(height / CELL) + 2;
  const data = Float32Array.from({ length: rows * columns }, random);
  const coarse: Raster = { width: columns, height: rows, channels: 1, data };
  const [wide, high] = [width + 2 * CELL, height + 2 * CELL];
  const smooth = resizeCubic(coarse, wide, high).data;
  const noise = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return smooth[(y + CELL) * wide + x + CELL] ?? 0;
  });
  let [least, most] = [Infinity, -Infinity];
  for (const value of noise) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  // A picture of one pixel has one number.
  const range = most - least || 1;
  return noise.map((value) => (value - least) / range);
}
