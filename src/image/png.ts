/**
 * Writes PNG files, and reads their texts.
 *
 * Eight bits a channel, RGB or RGBA, not interlaced; every row gets the filter with the smallest sum of
 * absolute differences, as the specification advises (https://www.w3.org/TR/png-3/, section 12.7).
 * Compression is the platform's `CompressionStream`, so this runs in workers and in Node alike.
 * Reading pixels is the business of `png-decoder.ts`.
 */

import { chunk, chunksOf, deflate, inflate, latin1, latin1Bytes, SIGNATURE } from './png-chunks.ts';
import type { Chunk } from './png-chunks.ts';
import type { Picture } from './picture.ts';

/** Texts by keyword; a keyword is 1 to 79 printable Latin-1 characters. */
export type PngText = Readonly<Record<string, string>>;

/** More inflated text than this in one chunk is an attack, not a prompt. */
const MAX_TEXT_BYTES = 1 << 22;

/** A PNG file with `picture` and, before them, one text chunk per entry of `text`. */
export async function encodePng(
  picture: Picture,
  text: PngText = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, channels } = picture;
  if (width < 1 || height < 1 || picture.data.length !== width * height * channels) {
    throw new RangeError(
      `picture must hold ${width} x ${height} x ${channels} bytes, got ${picture.data.length}`,
    );
  }
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, channels === 4 ? 6 : 2);
  const parts = [
    SIGNATURE,
    chunk('IHDR', new Uint8Array(header.buffer)),
    ...Object.entries(text).map(([keyword, value]) => textChunk(keyword, value)),
    chunk('IDAT', await deflate(filtered(picture))),
    chunk('IEND', new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The texts of a PNG file, from its `tEXt`, `zTXt` and `iTXt` chunks; of equal keywords the last. */
export async function readPngText(file: Uint8Array): Promise<Record<string, string>> {
  const texts: [string, string][] = [];
  for (const { type, data } of chunksOf(file)) {
    if (type === 'tEXt' || type === 'zTXt' || type === 'iTXt')
      texts.push(await readText(type, data));
  }
  // Unlike assignment, this is safe for a keyword `__proto__`.
  return Object.fromEntries(texts);
}

/** Latin-1 goes into `tEXt`, which everything reads; the rest into `iTXt`, which is UTF-8. */
function textChunk(keyword: string, value: string): Uint8Array<ArrayBuffer> {
  if (!/^[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?$/.test(keyword)) {
    throw new RangeError(`text keyword must be 1 to 79 printable characters, got '${keyword}'`);
  }
  // A NUL would end the text early, and no prompt needs one.
  const clean = value.replaceAll('\0', '');
  const name = latin1Bytes(keyword);
  if (/^[\n\x20-\x7e\xa0-\xff]*$/.test(clean)) {
    return chunk('tEXt', Uint8Array.from([...name, 0, ...latin1Bytes(clean)]));
  }
  // Not compressed, no language, no translated keyword.
  return chunk(
    'iTXt',
    Uint8Array.from([...name, 0, 0, 0, 0, 0, ...new TextEncoder().encode(clean)]),
  );
}

async function readText(type: Chunk['type'], data: Uint8Array): Promise<[string, string]> {
  const end = endOfText(data, 0);
  const keyword = latin1(data.subarray(0, end));
  if (type === 'tEXt') return [keyword, latin1(data.subarray(end + 1))];
  if (type === 'zTXt') {
    return [keyword, latin1(await inflate(data.subarray(end + 2), { atMost: MAX_TEXT_BYTES }))];
  }
  const isCompressed = data[end + 1] === 1;
  const language = endOfText(data, end + 3);
  const body = data.subarray(endOfText(data, language + 1) + 1);
  const utf8 = isCompressed ? await inflate(body, { atMost: MAX_TEXT_BYTES }) : body;
  return [keyword, new TextDecoder().decode(utf8)];
}

/** Where the NUL after a text lies; the end of `data` when there is none. */
function endOfText(data: Uint8Array, from: number): number {
  const end = data.indexOf(0, from);
  return end < 0 ? data.length : end;
}

/** The rows of `picture`, each behind the number of its filter. */
function filtered({ width, height, channels, data }: Picture): Uint8Array<ArrayBuffer> {
  const stride = width * channels;
  const result = new Uint8Array(height * (stride + 1));
  let above: Uint8Array = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * stride, (y + 1) * stride);
    const filter = bestFilter(row, above, channels);
    const at = y * (stride + 1);
    result[at] = filter;
    for (let i = 0; i < stride; i++) {
      const isFirst = i < channels;
      const a = isFirst ? 0 : row[i - channels]!;
      const c = isFirst ? 0 : above[i - channels]!;
      result[at + 1 + i] = row[i]! - predicted(filter, a, above[i]!, c);
    }
    above = row;
  }
  return result;
}

/** The filter whose differences, taken as signed bytes, have the smallest sum of absolute values. */
function bestFilter(row: Uint8Array, above: Uint8Array, channels: number): number {
  let [none, left, up, average, nearest] = [0, 0, 0, 0, 0];
  for (let i = 0; i < row.length; i++) {
    const x = row[i]!;
    const a = i < channels ? 0 : row[i - channels]!;
    const b = above[i]!;
    const c = i < channels ? 0 : above[i - channels]!;
    none += magnitude(x);
    left += magnitude(x - a);
    up += magnitude(x - b);
    average += magnitude(x - ((a + b) >> 1));
    nearest += magnitude(x - paeth(a, b, c));
  }
  const costs = [none, left, up, average, nearest];
  return costs.indexOf(Math.min(...costs));
}

/** The absolute value of the lowest eight bits, read as a signed number. */
function magnitude(difference: number): number {
  return Math.abs((difference << 24) >> 24);
}

/** What a filter expects of a byte, from those to the left (a), above (b) and above left (c). */
export function predicted(filter: number, a: number, b: number, c: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return (a + b) >> 1;
    default:
      return paeth(a, b, c);
  }
}

/** Of three neighbours the one nearest to a + b - c; at a tie in the order a, b, c. */
function paeth(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}
