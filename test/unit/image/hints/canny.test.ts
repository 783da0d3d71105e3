/**
 * Edges against OpenCV's, to the bit (test/goldens/hints/make.py made them).
 */

import { expect, it } from 'vitest';
import { decodeImage } from '../../../../src/image/decode.ts';
import { canny } from '../../../../src/image/hints/canny.ts';
import { flattened, type Picture } from '../../../../src/image/picture.ts';
import { readGolden } from '../../../support/goldens.ts';

async function read(path: string): Promise<Picture> {
  return flattened(await decodeImage(new Blob([await readGolden(path)]), 'image'));
}

it.each([
  ['hints/noise.png', 'hints/noise-canny.png', undefined],
  ['init.png', 'hints/init-canny-30-90.png', { low: 30, high: 90 }],
  ['hints/noise.png', 'hints/noise-canny-30-90.png', { low: 30, high: 90 }],
] as const)('%s gives %s', async (picture, golden, options) => {
  const [edges, expected] = [canny(await read(picture), options), await read(golden)];
  const wrong = expected.data.filter((value, i) => value !== edges.data[i]).length;
  expect({ ...edges, data: wrong }).toEqual({ ...expected, data: 0 });
  expect(expected.data.some((value) => value === 255)).toBe(true);
});
