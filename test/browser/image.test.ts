/**
 * Images that only a browser can decode, and that its own PNG reader agrees with ours.
 */

import { expect, test } from 'vitest';
import { decodeImage } from '../../src/image/decode.ts';
import { blankPicture, withAlpha, flattened } from '../../src/image/picture.ts';
import type { Picture } from '../../src/image/picture.ts';
import { encodePng } from '../../src/image/png.ts';
import { fieldMessages } from '../../src/util/field-error.ts';
import { fetchFile } from '../support/browser.ts';

/** A smooth picture, so that lossy formats keep it. */
function ramp(): Picture {
  const picture = blankPicture(32, 16, 3);
  picture.data.forEach((_, i) => (picture.data[i] = (Math.floor(i / 3) % 32) * 8));
  return picture;
}

async function encodedByBrowser(picture: Picture, type: string): Promise<Blob> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pixels = new Uint8ClampedArray(withAlpha(picture).data);
  const context = canvas.getContext('2d');
  context?.putImageData(new ImageData(pixels, picture.width, picture.height), 0, 0);
  return canvas.convertToBlob({ type, quality: 0.95 });
}

test.each(['image/jpeg', 'image/webp'])('decodes %s', async (type) => {
  const blob = await encodedByBrowser(ramp(), type);
  expect(blob.type).toBe(type);
  const { width, height, data } = flattened(await decodeImage(blob, 'init_image'));
  expect([width, height]).toEqual([32, 16]);
  const worst = Math.max(...data.map((byte, i) => Math.abs(byte - (ramp().data[i] ?? 0))));
  // Both formats are lossy; at quality 0.95 a ramp stays within some levels.
  expect(worst).toBeLessThan(12);
});

test('turns photographs upright as EXIF says, as Pillow does', async () => {
  const read = async (name: string): Promise<Picture> =>
    flattened(await decodeImage(new Blob([await fetchFile(`test/goldens/exif/${name}`)]), 'image'));
  const expected = await read('upright.png');
  for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const picture = await read(`${orientation}.jpg`);
    expect([picture.width, picture.height]).toEqual([expected.width, expected.height]);
    const sum = picture.data.reduce((all, v, i) => all + Math.abs(v - (expected.data[i] ?? 0)), 0);
    // JPEG at quality 95; any other way of holding it is off by more than 40.
    expect(sum / picture.data.length).toBeLessThan(4);
  }
});

test('writes PNG files that the browser reads, and reads those it writes', async () => {
  const file = await encodePng(ramp(), { parameters: 'a cat' });
  const bitmap = await createImageBitmap(new Blob([file], { type: 'image/png' }));
  expect([bitmap.width, bitmap.height]).toEqual([32, 16]);
  const theirs = await decodeImage(await encodedByBrowser(ramp(), 'image/png'), 'init_image');
  expect(flattened(theirs)).toEqual(ramp());
});

test('names the field of a damaged image', async () => {
  const jpeg = await encodedByBrowser(ramp(), 'image/jpeg');
  const error = await decodeImage(jpeg.slice(0, 40), 'init_image').catch(
    (reason: unknown) => reason,
  );
  expect(fieldMessages(error)?.['init_image']?.[0]).toContain('is damaged');
});
