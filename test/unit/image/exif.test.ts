/**
 * Photographs held in eight ways, against the picture that Pillow makes of all of them (test/goldens/exif/make.py).
 */

import { expect, test } from 'vitest';
import { decodeImage } from '../../../src/image/decode.ts';
import { orientationOf } from '../../../src/image/exif.ts';
import { flattened, type Picture } from '../../../src/image/picture.ts';
import { readGolden } from '../../support/goldens.ts';

async function read(name: string): Promise<Picture> {
  return flattened(await decodeImage(new Blob([await readGolden(`exif/${name}`)]), 'image'));
}

function distance({ data }: Picture, other: Picture): number {
  const sum = data.reduce((all, value, i) => all + Math.abs(value - (other.data[i] ?? 0)), 0);
  return sum / data.length;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %i is read and turned upright', async (value) => {
  expect(orientationOf(await readGolden(`exif/${value}.jpg`))).toBe(value);
  const [picture, expected] = [await read(`${value}.jpg`), await read('upright.png')];
  expect([picture.width, picture.height]).toEqual([24, 16]);
  // JPEG at quality 95; turned in any other way it is off by more than 40.
  expect(distance(picture, expected)).toBeLessThan(4);
});

test('a file that is cut anywhere in its EXIF data, or says nonsense, is taken as upright or as it says', async () => {
  const file = await readGolden('exif/6.jpg');
  for (let length = 0; length < 80; length++) {
    expect([1, 6]).toContain(orientationOf(file.subarray(0, length)));
  }
  const nonsense = file.slice();
  // The directory's only entry begins with the tag, little end first; its value is 8 bytes behind.
  const tag = file.findIndex((byte, i) => byte === 0x12 && file[i + 1] === 0x01);
  expect(nonsense[tag + 8]).toBe(6);
  nonsense[tag + 8] = 9;
  expect(orientationOf(nonsense)).toBe(1);
});
