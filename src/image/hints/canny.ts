/**
 * Canny's edges: J. Canny, "A Computational Approach to Edge Detection" (1986), as ControlNet's hints are made.
 *
 * Matches OpenCV's `cv2.Canny` (aperture 3, L1 norm) to the bit: integer arithmetic, of several channels the one with the
 * strongest gradient at each pixel, edges of the picture repeated outside.
 */

import type { Picture } from '../picture.ts';

/** Options of {@link canny}. */
export type CannyOptions = {
  /** Gradients up to this are no edges. Default 100. */
  readonly low?: number;
  /** Gradients above this are edges, and so is what lies between and touches one. Default 200. */
  readonly high?: number;
};

/** Tangent of 22.5 degrees, with 15 fractional bits. */
const TAN_22 = 13573;

type Gradients = { readonly x: Int32Array; readonly y: Int32Array; readonly norm: Int32Array };

/** White edges on black, three channels. */
export function canny(picture: Picture, { low = 100, high = 200 }: CannyOptions = {}): Picture {
  const { width, height } = picture;
  const gradients = strongest(picture);
  const isEdge = new Uint8Array(width * height);
  const isCandidate = new Uint8Array(width * height);
  const open: number[] = [];
  for (let at = 0; at < isEdge.length; at++) {
    if ((gradients.norm[at] ?? 0) <= low || !isRidge(gradients, at, width, height)) continue;
    isCandidate[at] = 1;
    if ((gradients.norm[at] ?? 0) > high) open.push(at);
  }
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (isEdge[at] === 1) continue;
    isEdge[at] = 1;
    const [row, column] = [Math.floor(at / width), at % width];
    for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
      for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
        const next = y * width + x;
        if (isCandidate[next] === 1 && isEdge[next] === 0) open.push(next);
      }
    }
  }
  const data = new Uint8Array(3 * width * height);
  for (const [i, edge] of isEdge.entries()) if (edge === 1) data.fill(255, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data };
}

/** Sobel's gradients of the channel in which they are strongest. */
function strongest({ width, height, channels, data }: Picture): Gradients {
  const result = {
    x: new Int32Array(width * height),
    y: new Int32Array(width * height),
    norm: new Int32Array(width * height).fill(-1),
  };
  for (let row = 0; row < height; row++) {
    const [above, below] = [Math.max(0, row - 1), Math.min(height - 1, row + 1)];
    for (let column = 0; column < width; column++) {
      const [left, right] = [Math.max(0, column - 1), Math.min(width - 1, column + 1)];
      const at = row * width + column;
      for (let channel = 0; channel < 3; channel++) {
        const value = (y: number, x: number): number =>
          data[(y * width + x) * channels + channel] ?? 0;
        const dx =
          value(above, right) -
          value(above, left) +
          2 * (value(row, right) - value(row, left)) +
          value(below, right) -
          value(below, left);
        const dy =
          value(below, left) -
          value(above, left) +
          2 * (value(below, column) - value(above, column)) +
          value(below, right) -
          value(above, right);
        const norm = Math.abs(dx) + Math.abs(dy);
        if (norm <= (result.norm[at] ?? 0)) continue;
        [result.x[at], result.y[at], result.norm[at]] = [dx, dy, norm];
      }
    }
  }
  return result;
}

/** Whether the gradient is largest here along its own direction, of four directions the nearest. */
function isRidge({ x, y, norm }: Gradients, at: number, width: number, height: number): boolean {
  const [row, column] = [Math.floor(at / width), at % width];
  const normAt = (r: number, c: number): number =>
    r < 0 || c < 0 || r >= height || c >= width ? 0 : (norm[r * width + c] ?? 0);
  const own = normAt(row, column);
  const [dx, dy] = [x[at] ?? 0, y[at] ?? 0];
  const steep = Math.abs(dy) * 2 ** 15;
  const flat = Math.abs(dx) * TAN_22;
  if (steep < flat) return own > normAt(row, column - 1) && own >= normAt(row, column + 1);
  if (steep > flat + Math.abs(dx) * 2 ** 16)
    return own > normAt(row - 1, column) && own >= normAt(row + 1, column);
  const side = dx < 0 !== dy < 0 ? -1 : 1;
  return own > normAt(row - 1, column - side) && own > normAt(row + 1, column + side);
}
