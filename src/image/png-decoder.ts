/**
 * Reads the pixels of PNG files, so that Node needs no image library and both Node and browsers see the
 * same bytes.
 *
 * Eight bits a channel, gray, RGB or palette, with or without alpha, not interlaced. Colour profiles
 * and gamma are not applied, as PyTorch's tools do not apply them either, and a single transparent
 * colour (`tRNS` without a palette) stays opaque. Anything else is an `unsupported` error; a browser
 * can then try `createImageBitmap`.
 */

import { EngineError } from '../errors.ts';
import { chunksOf, damaged, inflate } from './png-chunks.ts';
import { blankPicture } from './picture.ts';
import type { Picture } from './picture.ts';
import { predicted } from './png.ts';

/** Pixels beyond which a file is refused: 64 megapixels take 256 MB with alpha. */
const MAX_PIXELS = 1 << 26;

/** Bytes per pixel in the file, by colour type. */
const BYTES_PER_PIXEL: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

type Header = { width: number; height: number; colorType: number; bytesPerPixel: number };

/** The tables of an indexed picture: colours, and alpha of the first few of them. */
type Palette = { colors: Uint8Array | undefined; alphas: Uint8Array | undefined };

/** The pixels of a PNG file, with alpha if the file has any. */
export async function decodePng(file: Uint8Array): Promise<Picture> {
  const chunks = chunksOf(file);
  const data = (type: string): Uint8Array | undefined =>
    chunks.find((one) => one.type === type)?.data;
  const header = readHeader(data('IHDR'));
  const { width, height, bytesPerPixel } = header;
  const compressed = chunks.filter(({ type }) => type === 'IDAT').map((one) => one.data);
  const length = height * (width * bytesPerPixel + 1);
  const rows = await inflate(concatenated(compressed), { atMost: length });
  if (rows.length < length) throw damaged('rows are missing');
  unfilter(rows, header);
  return toPicture(rows, header, { colors: data('PLTE'), alphas: data('tRNS') });
}

function readHeader(data: Uint8Array | undefined): Header {
  if (data?.length !== 13) throw damaged('it has no header');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [bits, colorType, , , interlace] = data.subarray(8);
  if (width === 0 || height === 0) throw damaged('it has no pixels');
  if (width * height > MAX_PIXELS) {
    throw new EngineError('unsupported', `A PNG of ${width} x ${height} pixels is too large.`);
  }
  const bytesPerPixel = BYTES_PER_PIXEL[colorType!];
  if (bytesPerPixel === undefined) throw damaged(`its colour type is ${colorType}`);
  if (bits !== 8 || interlace !== 0) {
    const what = bits === 8 ? 'Interlaced PNG files' : `PNG files with ${bits} bits a channel`;
    throw new EngineError('unsupported', `${what} cannot be read here: save it as a plain PNG.`);
  }
  return { width, height, colorType: colorType!, bytesPerPixel };
}

/** Undoes the filters in place; the filter numbers stay at the rows' beginnings. */
function unfilter(rows: Uint8Array, { width, height, bytesPerPixel }: Header): void {
  const stride = width * bytesPerPixel + 1;
  for (let y = 0; y < height; y++) {
    const start = y * stride;
    const filter = rows[start]!;
    if (filter > 4) throw damaged(`row ${y} has the unknown filter ${filter}`);
    for (let i = start + 1; i < start + stride; i++) {
      const isFirst = i <= start + bytesPerPixel;
      const a = isFirst ? 0 : rows[i - bytesPerPixel]!;
      const b = y === 0 ? 0 : rows[i - stride]!;
      const c = isFirst || y === 0 ? 0 : rows[i - stride - bytesPerPixel]!;
      rows[i] = rows[i]! + predicted(filter, a, b, c);
    }
  }
}

function toPicture(rows: Uint8Array, header: Header, palette: Palette): Picture {
  const { width, height, colorType, bytesPerPixel } = header;
  const hasAlpha = colorType === 4 || colorType === 6 || (colorType === 3 && palette.alphas);
  const picture = blankPicture(width, height, hasAlpha ? 4 : 3);
  const { channels, data } = picture;
  for (let y = 0; y < height; y++) {
    const start = y * (width * bytesPerPixel + 1) + 1;
    const row = rows.subarray(start, start + width * bytesPerPixel);
    const output = data.subarray(y * width * channels, (y + 1) * width * channels);
    if (colorType === 3) writeIndexed(output, row, palette);
    else if (colorType === 0 || colorType === 4) writeGray(output, row, bytesPerPixel);
    else output.set(row);
  }
  return picture;
}

function writeGray(output: Uint8Array, row: Uint8Array, bytesPerPixel: number): void {
  for (let from = 0, to = 0; from < row.length; from += bytesPerPixel) {
    for (let color = 0; color < 3; color++) output[to++] = row[from]!;
    if (bytesPerPixel === 2) output[to++] = row[from + 1]!;
  }
}

function writeIndexed(output: Uint8Array, row: Uint8Array, { colors, alphas }: Palette): void {
  const known = (colors?.length ?? 0) / 3;
  let to = 0;
  for (const index of row) {
    if (index >= known) throw damaged(`its palette has no colour ${index}`);
    for (let color = 0; color < 3; color++) output[to++] = colors![index * 3 + color]!;
    if (alphas !== undefined) output[to++] = alphas[index] ?? 255;
  }
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
