/**
 * JPEG files in Node: written, and read again.
 */

import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../../src/image/decode.ts';
import { imageType } from '../../../src/image/image-type.ts';
import { decodeJpeg, encodeJpeg } from '../../../src/image/jpeg.ts';
import { blankPicture } from '../../../src/image/picture.ts';

/** Smooth colours, which JPEG keeps well. */
function gradient(width: number, height: number) {
  const picture = blankPicture(width, height, 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      picture.data.set([(x * 255) / width, (y * 255) / height, 128], (y * width + x) * 3);
    }
  }
  return picture;
}

describe('a JPEG file', () => {
  test('holds the picture, nearly', async () => {
    const picture = gradient(40, 24);
    const file = await encodeJpeg(picture);
    expect(file.type).toBe('image/jpeg');
    const bytes = new Uint8Array(await file.arrayBuffer());
    expect(imageType(bytes)).toBe('image/jpeg');
    const { width, height, channels, data } = await decodeJpeg(bytes);
    expect([width, height, channels]).toEqual([40, 24, 4]);
    const differences = Array.from(picture.data, (byte, i) =>
      Math.abs(byte - (data[Math.floor(i / 3) * 4 + (i % 3)] ?? 0)),
    );
    const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length;
    expect(mean).toBeLessThan(3);
  });

  test('is read in Node as an image of a request', async () => {
    const file = await encodeJpeg(gradient(16, 16));
    expect(await decodeImage(file, 'init_image')).toMatchObject({ width: 16, height: 16 });
  });

  test('that is damaged is an error naming the field', async () => {
    const file = new Uint8Array(await (await encodeJpeg(gradient(16, 16))).arrayBuffer());
    const cut = new Blob([file.slice(0, 40)], { type: 'image/jpeg' });
    await expect(decodeImage(cut, 'mask_image')).rejects.toThrow('The mask image field:');
  });
});
