/**
 * Masks as pictures: what is painted laid over a picture, the file that a request has, and masks from files.
 */

import type { PaintedMask } from './painted-mask.ts';

/** Red, green and blue of paint, and the opacities of its stripes, by which it is seen on any colour. */
const PAINT = [226, 26, 120] as const;
const OPACITIES = [180, 95] as const;

/** Stripes along a picture's longer side. */
const STRIPES = 48;

/** By how much the shapes of a picture and its mask may differ, as the engine has it. */
const SHAPE_TOLERANCE = 1 / 64;

/** Shows what is painted, transparent where nothing is. */
export function showPaint(canvas: HTMLCanvasElement, { width, height, data }: PaintedMask): void {
  const pixels = new ImageData(width, height);
  const stripe = Math.max(1, Math.round(Math.max(width, height) / STRIPES));
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    const diagonal = (i % width) + Math.floor(i / width);
    const isDense = Math.floor(diagonal / stripe) % 2 === 0;
    pixels.data.set([...PAINT, OPACITIES[isDense ? 0 : 1]], 4 * i);
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
}

/** The mask as a PNG file: white is drawn anew, black stays. */
export async function maskFile({ width, height, data }: PaintedMask): Promise<Blob> {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] ?? 0;
    pixels.data.set([value, value, value, 255], 4 * i);
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}

/**
 * The brightness of an image file in another size, a byte a pixel; what is transparent is black.
 *
 * @throws DOMException when this browser cannot read the file.
 * @throws RangeError when the image has another shape: what it would be stretched to is not what somebody painted.
 */
export async function brightnessOf(
  file: Blob,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(file);
  const ratio = (bitmap.width * height) / (bitmap.height * width);
  if (Math.abs(Math.log(ratio)) > SHAPE_TOLERANCE) {
    throw new RangeError(`is ${bitmap.width} × ${bitmap.height}, another shape than the picture's`);
  }
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new DOMException('no canvas', 'NotSupportedError');
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [red = 0, green = 0, blue = 0] = data.subarray(4 * i, 4 * i + 3);
    return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  });
}
