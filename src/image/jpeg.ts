/**
 * JPEG files: written by the browser where there is one, else by a library that is loaded when it is first needed.
 */

import { orientationOf, upright } from './exif.ts';
import { withAlpha, type Picture } from './picture.ts';

/** Quality of the files, 0 to 1: artefacts are not seen, and a file is a fifth of its PNG. */
const QUALITY = 0.92;

/** A JPEG file with `picture`; alpha is dropped. */
export async function encodeJpeg(picture: Picture): Promise<Blob> {
  const { width, height, data } = withAlpha(picture);
  if (typeof OffscreenCanvas === 'function') {
    const canvas = new OffscreenCanvas(width, height);
    const pixels = new ImageData(new Uint8ClampedArray(data), width, height);
    canvas.getContext('2d')?.putImageData(pixels, 0, 0);
    return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
  }
  const { encode } = await import('jpeg-js');
  const file = encode({ width, height, data }, Math.round(QUALITY * 100));
  return new Blob([new Uint8Array(file.data)], { type: 'image/jpeg' });
}

/** The upright pixels of a JPEG file, where there is no browser to read it; throws what the library throws. */
export async function decodeJpeg(file: Uint8Array): Promise<Picture> {
  const { decode } = await import('jpeg-js');
  const { width, height, data } = decode(file, { useTArray: true, maxMemoryUsageInMB: 1024 });
  return upright({ width, height, channels: 4, data }, orientationOf(file));
}
