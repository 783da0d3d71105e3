/**
 * What is measured of pictures, to tell whether a feature did what it says.
 */

import type { Picture } from '../../src/image/picture.ts';

/** The part of the edges, white on black, that another picture's edges meet within a pixel; 0 where there are none. */
export function edgeOverlap(edges: Picture, others: Picture): number {
  const { width, height } = edges;
  const isEdge = ({ data }: Picture, x: number, y: number): boolean =>
    x >= 0 && x < width && data[(y * width + x) * 3] === 255;
  let [met, all] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isEdge(edges, x, y)) continue;
      all++;
      const near = [-1, 0, 1].some((dy) => [-1, 0, 1].some((dx) => isEdge(others, x + dx, y + dy)));
      if (near) met++;
    }
  }
  return all === 0 ? 0 : met / all;
}

/** Mean difference between the strongest and the weakest colour of each pixel, in bytes; `channels` numbers a pixel. */
export function colourfulness(pixels: ArrayLike<number>, channels: number): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += channels) {
    const colours = [0, 1, 2].map((c) => pixels[i + c] ?? 0);
    sum += Math.max(...colours) - Math.min(...colours);
  }
  return (channels * sum) / pixels.length;
}
