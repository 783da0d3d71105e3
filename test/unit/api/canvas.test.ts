/**
 * What is drawn of a picture, and how it comes back: boxes, sizes and pixels by hand.
 */

import { describe, expect, test } from 'vitest';
import { canvasOf } from '../../../src/api/canvas.ts';
import type { DrawTask } from '../../../src/api/artist.ts';
import { generationRequest } from '../../../src/api/schema/requests.ts';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { fieldMessages } from '../../../src/util/field-error.ts';

const IMAGE = 'https://example.com/a.png';
const body = { prompt: 'x', init_image: IMAGE, mask_image: IMAGE };

/** A picture in which every pixel is another. */
function striped(width: number, height: number): Picture {
  const picture = blankPicture(width, height, 3);
  picture.data.forEach((_, i) => (picture.data[i] = (i * 7) % 251));
  return picture;
}

/** White between these columns and rows, else black. */
function maskOf(width: number, height: number, [left, top, right, bottom]: readonly number[]) {
  const mask = blankPicture(width, height, 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isIn = x >= (left ?? 0) && x < (right ?? 0) && y >= (top ?? 0) && y < (bottom ?? 0);
    if (isIn) mask.data.fill(255, 3 * i, 3 * i + 3);
  }
  return mask;
}

function filled(width: number, height: number, byte: number): Picture {
  const picture = blankPicture(width, height, 3);
  picture.data.fill(byte);
  return picture;
}

function canvas(fields: object, images: DrawTask['images'], nativeSize?: number) {
  const { request } = generationRequest('inpaint', { ...body, ...fields });
  const sides = nativeSize === undefined ? {} : { nativeSize };
  return canvasOf(request, images, { maxSide: 1024, ...sides });
}

/** Indices of the pixels in which two pictures differ. */
function changed(a: Picture, b: Picture): number[] {
  const count = a.width * a.height;
  return Array.from({ length: count }, (_, i) => i).filter((i) =>
    [0, 1, 2].some((c) => a.data[3 * i + c] !== b.data[3 * i + c]),
  );
}

describe('only what is masked', () => {
  const init = striped(200, 100);
  const images = { init_image: init, mask_image: maskOf(200, 100, [60, 40, 80, 50]) };
  const fields = { width: 128, height: 64, inpaint_full_res: 'yes', inpaint_full_res_padding: 5 };

  test('is drawn at the size asked for, and the picture keeps its own', () => {
    const { delivered, drawn } = canvas(fields, images);
    expect(delivered).toEqual({ width: 200, height: 100 });
    expect(drawn).toEqual({ width: 128, height: 64 });
    expect(canvas(fields, images, 64).drawn).toEqual({ width: 64, height: 64 });
  });

  test('is the box around the mask with its padding, in the aspect that is drawn', () => {
    // 20x10 and 5 on each side is 30x20; twice as wide as high it is 40x20: columns 50 to 90, rows 35 to 55.
    const { beneath, mask } = canvas({ ...fields, width: 80, height: 64 }, images);
    // 80x64 is 1.25 as wide as high: 30x20 becomes 30x24, rows 33 to 57.
    expect([mask?.width, mask?.height]).toEqual([80, 64]);
    const wide = canvas(fields, images);
    // White is half of the width and half of the height of the box: from a quarter to three quarters.
    const rows = Array.from({ length: 64 }, (_, y) => wide.mask?.data[y * 128 + 64] ?? 0);
    expect([rows.indexOf(255), rows.lastIndexOf(255)]).toEqual([16, 47]);
    const columns = Array.from({ length: 128 }, (_, x) => wide.mask?.data[32 * 128 + x] ?? 0);
    expect([columns.indexOf(255), columns.lastIndexOf(255)]).toEqual([32, 95]);
    expect([beneath(init).width, beneath(init).height]).toEqual([80, 64]);
  });

  test('is taken pixel by pixel where the box has the size that is drawn', () => {
    // 44x8 with 10 around it is 64x28, in a square 64x64: columns 30 to 94, rows 14 to 78.
    const mask_image = maskOf(200, 100, [40, 42, 84, 50]);
    const square = { ...fields, width: 64, height: 64, inpaint_full_res_padding: 10 };
    const part = canvas(square, { ...images, mask_image }).beneath(init);
    const at = (14 * 200 + 30) * 3;
    expect([...part.data.subarray(0, 192)]).toEqual([...init.data.subarray(at, at + 192)]);
  });

  test('changes nothing outside the mask, and all of it without blur', () => {
    const { finished } = canvas({ ...fields, mask_blur: 0 }, images);
    const result = finished(filled(128, 64, 255));
    const inside = Array.from({ length: 20_000 }, (_, i) => i).filter(
      (i) => i % 200 >= 60 && i % 200 < 80 && Math.floor(i / 200) >= 40 && Math.floor(i / 200) < 50,
    );
    expect(changed(result, init)).toEqual(inside);
    expect(inside.every((i) => result.data[3 * i] === 255)).toBe(true);
  });

  test('is the whole picture where nothing is masked, and nothing changes', () => {
    const nothing = canvas(fields, { ...images, mask_image: maskOf(200, 100, []) });
    expect(nothing.finished(filled(128, 64, 255))).toEqual(init);
  });
});

describe('the whole picture', () => {
  const init = striped(100, 60);
  const mask_image = maskOf(100, 60, [20, 20, 60, 40]);
  const images = { init_image: init, mask_image };

  test('kept in its own size is drawn at the nearest multiples of 8, and is itself outside the mask', () => {
    const { delivered, drawn, finished } = canvas({ fit: 'keep' }, images);
    expect(delivered).toEqual({ width: 100, height: 60 });
    expect(drawn).toEqual({ width: 104, height: 64 });
    const outside = changed(finished(filled(104, 64, 255)), init).filter(
      (i) => i % 100 < 20 || i % 100 >= 60 || i < 2000 || i >= 4000,
    );
    expect(outside).toEqual([]);
  });

  test('has a softer edge the more blur is asked for, inside of the mask alone', () => {
    const whitest = [0, 2, 8].map((mask_blur) => {
      const { data } = canvas({ fit: 'keep', mask_blur }, images).finished(filled(104, 64, 255));
      // The outermost masked pixel of a middle row; what lies beside it is kept.
      expect(data[(30 * 100 + 19) * 3]).toBe(init.data[(30 * 100 + 19) * 3]);
      return data[(30 * 100 + 20) * 3] ?? 0;
    });
    const own = init.data[(30 * 100 + 20) * 3] ?? 0;
    expect(whitest[0]).toBe(255);
    expect(whitest[1]).toBeLessThan(255);
    expect(whitest[2]).toBeLessThan(whitest[1] ?? 0);
    expect(whitest[2]).toBeGreaterThanOrEqual(own);
  });

  test('contained repaints its bars', () => {
    const { mask } = canvas({ fit: 'contain', width: 128, height: 128 }, images);
    const column = Array.from({ length: 128 }, (_, y) => mask?.data[y * 128] ?? 0);
    // 100x60 in 128x128 is 128x77, between bars of 25 and 26.
    expect([column.indexOf(0), column.lastIndexOf(0)]).toEqual([25, 101]);
  });

  test('lies over white where it is transparent', () => {
    const clear: Picture = { ...blankPicture(64, 64, 4), data: new Uint8Array(4 * 64 * 64) };
    const { beneath } = canvas(
      { width: 64, height: 64 },
      { init_image: clear, mask_image: maskOf(64, 64, []) },
    );
    expect(beneath(clear)).toEqual(filled(64, 64, 255));
  });
});

describe('a mask', () => {
  const of = (width: number, height: number): unknown => {
    try {
      return canvas({}, { init_image: striped(100, 60), mask_image: maskOf(width, height, []) });
    } catch (error) {
      return fieldMessages(error)?.['mask_image'];
    }
  };

  test('of another aspect than the image is refused with both sizes', () => {
    expect(of(60, 100)).toEqual([expect.stringMatching(/mask is 60x100.*init_image of 100x60/)]);
    expect(of(100, 64)).toEqual([expect.stringContaining('100x64')]);
  });

  test('of another size in the same aspect is enlarged or reduced', () => {
    expect(of(50, 30)).toHaveProperty('drawn');
    expect(of(333, 200)).toHaveProperty('drawn');
  });
});
