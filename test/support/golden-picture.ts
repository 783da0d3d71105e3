/**
 * Pictures of golden arrays.
 */

import { blankPicture, type Picture } from '../../src/image/picture.ts';
import type { openGolden } from '../../tools/goldens/golden-file.ts';

type Golden = Pick<Awaited<ReturnType<typeof openGolden>>, 'float32'>;

/** The array `name` [1, 3, H, W] in [0, 1] as a picture; what lies outside of that is brought into it. */
export function goldenPicture(golden: Golden, name: string): Picture {
  const { shape, data } = golden.float32(name);
  const [, , height = 0, width = 0] = shape;
  const picture = blankPicture(width, height, 3);
  for (let i = 0; i < picture.data.length; i++) {
    const value = data[(i % 3) * width * height + Math.floor(i / 3)]!;
    picture.data[i] = Math.round(Math.min(1, Math.max(0, value)) * 255);
  }
  return picture;
}
