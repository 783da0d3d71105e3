/**
 * How a camera was held: the orientation in a JPEG file's EXIF data, and a picture turned upright by it.
 *
 * EXIF 2.32: a TIFF structure in a segment APP1; its first directory has the tag 0x0112 with a number from 1 to 8.
 */

import { blankPicture, type Picture } from './picture.ts';

/** 1 is upright; the other numbers turn or mirror, see {@link upright}. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const APP1 = 0xe1;
const START_OF_SCAN = 0xda;
const ORIENTATION_TAG = 0x0112;

/** `Exif` and two zeros. */
const EXIF_HEADER = [0x45, 0x78, 0x69, 0x66, 0, 0] as const;

/** The orientation of a JPEG file; 1 where it says nothing that can be read. */
export function orientationOf(file: Uint8Array): Orientation {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  // Two bytes of the file's own mark, then segments: a mark and a length that counts itself.
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff;) {
    const mark = file[at + 1];
    const length = view.getUint16(at + 2);
    if (mark === START_OF_SCAN || length < 2) return 1;
    const start = at + 4;
    const end = Math.min(file.length, at + 2 + length);
    const isExif = EXIF_HEADER.every((byte, i) => file[start + i] === byte);
    if (mark === APP1 && isExif) {
      const from = start + EXIF_HEADER.length;
      return end - from < 8
        ? 1
        : fromTiff(new DataView(file.buffer, file.byteOffset + from, end - from));
    }
    at += 2 + length;
  }
  return 1;
}

function fromTiff(view: DataView): Orientation {
  const isLittle = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > view.byteLength) return 1;
  const count = view.getUint16(directory, isLittle);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > view.byteLength) return 1;
    if (view.getUint16(entry, isLittle) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(entry + 8, isLittle);
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  }
  return 1;
}

/** A picture as it is meant to be looked at: its sides swapped from 5 on. */
export function upright(picture: Picture, orientation: Orientation): Picture {
  if (orientation === 1) return picture;
  const { width, height, channels, data } = picture;
  const isSwapped = orientation >= 5;
  const result = isSwapped
    ? blankPicture(height, width, channels)
    : blankPicture(width, height, channels);
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      const [right, down] = isSwapped ? [y, x] : [x, y];
      const column = FROM_RIGHT.has(orientation) ? width - 1 - right : right;
      const row = FROM_BELOW.has(orientation) ? height - 1 - down : down;
      const from = (row * width + column) * channels;
      result.data.set(data.subarray(from, from + channels), (y * result.width + x) * channels);
    }
  }
  return result;
}

/** Orientations of which the stored columns, or rows, run against the upright picture's. */
const FROM_RIGHT: ReadonlySet<Orientation> = new Set([2, 3, 7, 8]);
const FROM_BELOW: ReadonlySet<Orientation> = new Set([3, 4, 6, 7]);
