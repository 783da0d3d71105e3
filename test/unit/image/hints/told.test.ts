/**
 * What is made of what a network tells: normals against OpenCV's (test/goldens/hints/make_hints.py), colours against ADE20K's.
 */

import { expect, test } from 'vitest';
import { decodeImage } from '../../../../src/image/decode.ts';
import { depthPlanes, normalPlanes } from '../../../../src/image/hints/relief.ts';
import { segmentPlanes } from '../../../../src/image/hints/segments.ts';
import { flattened, type Picture } from '../../../../src/image/picture.ts';
import { readGolden } from '../../../support/goldens.ts';

async function read(name: string): Promise<Picture> {
  const blob = new Blob([await readGolden(`hints/${name}.png`)]);
  return flattened(await decodeImage(blob, 'image'));
}

test.each([
  ['depth', depthPlanes],
  ['normal', normalPlanes],
] as const)('%s of a relief is as OpenCV computes it', async (name, planesOf) => {
  const { width, height, data } = await read('photo-gray');
  const relief = { width, height, data: data.filter((_, i) => i % 3 === 0) };
  const expected = await read(`photo-${name}`);
  const area = width * height;
  // In any unit: halved and moved it is the same relief.
  for (const each of [relief, { ...relief, data: Array.from(relief.data, (v) => v / 2 - 9) }]) {
    const planes = planesOf(each);
    const most = expected.data.reduce((worst, value, i) => {
      const own = Math.round((planes[(i % 3) * area + Math.floor(i / 3)] ?? 0) * 255);
      return Math.max(worst, Math.abs(own - value));
    }, 0);
    // Halves may be rounded either way.
    expect(most).toBeLessThanOrEqual(1);
  }
});

test('a flat relief is black, and faces the camera', () => {
  const flat = { width: 2, height: 1, data: [5, 5] };
  expect([...depthPlanes(flat)]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...normalPlanes(flat)]).toEqual([0.5, 0.5, 0.5, 0.5, 1, 1]);
});

test("classes have ADE20K's colours", () => {
  const mask = (at: number): number[] => [0, 1, 2, 3].map((i) => (i === at ? 255 : 0));
  // Wall, sky and flag; the fourth pixel belongs to none.
  const segments = [0, 2, 149].map((index, i) => ({ index, mask: mask(i) }));
  const planes = [...segmentPlanes(segments, 4)].map((value) => Math.round(value * 255));
  expect(planes).toEqual([120, 6, 92, 0, 120, 230, 0, 0, 120, 230, 255, 0]);
});
