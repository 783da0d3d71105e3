/**
 * Hints made of how near everything is, which a network has told.
 */

/** How near each pixel is, in any unit that grows towards the camera; rows from the top. */
export type Relief = {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
};

/** Length of the normal towards the camera, for the slopes that {@link normalPlanes} gets: as MiDaS' annotator has it. */
const TOWARDS_CAMERA = 2 * Math.PI;

/** Slopes are told as if the nearest were this much nearer than the farthest. */
const RANGE = 100;

/** What is farther than this part of the range counts as background, and faces the camera. */
const BACKGROUND = 0.1;

/** Planes [3, H, W]: 1 the nearest, 0 the farthest. */
export function depthPlanes(relief: Relief): Float32Array {
  const near = normalized(relief);
  const planes = new Float32Array(3 * near.length);
  for (const channel of [0, 1, 2]) planes.set(near, channel * near.length);
  return planes;
}

/**
 * Planes [3, H, W]: the surface's normals, right, down and towards the camera, each from -1 to 1 as 0 to 1. Slopes are
 * Sobel's, of the relief from 0 to 1, so that no unit matters.
 */
export function normalPlanes(relief: Relief): Float32Array {
  const { width, height } = relief;
  const near = normalized(relief);
  const planes = new Float32Array(3 * near.length);
  const at = (x: number, y: number): number =>
    near[mirrored(y, height) * width + mirrored(x, width)]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isBackground = at(x, y) < BACKGROUND;
      const slope = (dx: number, dy: number): number =>
        RANGE *
        [-1, 0, 1].reduce((sum, k) => {
          const [u, v] = [x + k * dy, y + k * dx];
          return sum + (k === 0 ? 2 : 1) * (at(u + dx, v + dy) - at(u - dx, v - dy));
        }, 0);
      const [right, down] = isBackground ? [0, 0] : [slope(1, 0), slope(0, 1)];
      const length = Math.hypot(right, down, TOWARDS_CAMERA);
      for (const [c, value] of [right, down, TOWARDS_CAMERA].entries()) {
        planes[c * near.length + y * width + x] = value / length / 2 + 0.5;
      }
    }
  }
  return planes;
}

/** From 0, the farthest, to 1; zeros where all is equally far. */
function normalized({ data }: Relief): Float32Array {
  const values = Float32Array.from(data);
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const range = most - least || 1;
  return values.map((value) => (value - least) / range);
}

/** Positions just outside are those as far inside, the edge itself once. */
function mirrored(at: number, count: number): number {
  if (count === 1) return 0;
  return at < 0 ? -at : at >= count ? 2 * count - 2 - at : at;
}
