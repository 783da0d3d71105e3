/**
 * The pixels of an image file of any type that this place can read.
 *
 * Plain PNG files are read by our own decoder, so that Node and every browser see the same numbers; the
 * rest is the browser's business, and in Node an error that says so. Photographs are turned upright as their EXIF data say.
 */

import { EngineError, isEngineError } from '../errors.ts';
import { fieldError, theField } from '../util/field-error.ts';
import { imageType } from './image-type.ts';
import { decodeJpeg } from './jpeg.ts';
import { blankPicture } from './picture.ts';
import type { Picture } from './picture.ts';
import { decodePng } from './png-decoder.ts';

/** The pixels of the image file `blob`; `field` is the request's field that gave it. */
export async function decodeImage(blob: Blob, field: string): Promise<Picture> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const type = imageType(bytes);
  try {
    if (type !== 'image/png') return await decodeInBrowser(blob, type ?? blob.type);
    return await decodePng(bytes).catch((error: unknown) => {
      if (isUnsupported(error) && canDecodeInBrowser()) return decodeInBrowser(blob, type);
      throw error;
    });
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const { code, message } = error;
    throw fieldError({ [field]: [`${theField(field)}: ${message}`] }, { code, cause: error });
  }
}

function isUnsupported(error: unknown): boolean {
  return isEngineError(error) && error.code === 'unsupported';
}

function canDecodeInBrowser(): boolean {
  return typeof createImageBitmap === 'function' && typeof OffscreenCanvas === 'function';
}

async function decodeInBrowser(blob: Blob, type: string): Promise<Picture> {
  if (!canDecodeInBrowser()) {
    if (type === 'image/jpeg') return decodeInNode(blob);
    const message = `Outside of a browser only PNG and JPEG images can be read, and this is ${type}.`;
    throw new EngineError('unsupported', message);
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      premultiplyAlpha: 'none',
      imageOrientation: 'from-image',
    });
  } catch (error) {
    const message = `The image (${type}) is damaged, or of a kind that this browser does not know.`;
    throw new EngineError('invalid-argument', message, { cause: error });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new EngineError('unsupported', 'This browser gives no 2D canvas.');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const picture = blankPicture(width, height, 4);
  picture.data.set(context.getImageData(0, 0, width, height).data);
  return picture;
}

async function decodeInNode(blob: Blob): Promise<Picture> {
  try {
    return await decodeJpeg(new Uint8Array(await blob.arrayBuffer()));
  } catch (error) {
    const message = 'The image (image/jpeg) is damaged, or of a kind that is not known.';
    throw new EngineError('invalid-argument', message, { cause: error });
  }
}
