/**
 * The container of a PNG file: its signature, its chunks with their checksums, and the compression
 * inside of them (https://www.w3.org/TR/png-3/, sections 5 and 10).
 */

import { EngineError } from '../errors.ts';

/** The eight bytes that every PNG file begins with. */
export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** One chunk of a file; `data` is a view into it. */
export type Chunk = { readonly type: string; readonly data: Uint8Array };

/** Bytes of a chunk around its data: length, type and checksum. */
const CHUNK_OVERHEAD = 12;

/** A chunk's bytes: length, type, data, checksum. */
export function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + CHUNK_OVERHEAD);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(latin1Bytes(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** The chunks of `file` in order, up to and without `IEND`; fails at the first that is damaged. */
export function chunksOf(file: Uint8Array): Chunk[] {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) throw damaged('it has no PNG signature');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE.length; ;) {
    if (at + CHUNK_OVERHEAD > file.length) throw damaged('it ends before its last chunk');
    const length = view.getUint32(at);
    const type = latin1(file.subarray(at + 4, at + 8));
    const end = at + CHUNK_OVERHEAD + length;
    if (end > file.length) throw damaged(`its chunk ${type} is cut off`);
    if (view.getUint32(end - 4) !== crc32(file.subarray(at + 4, end - 4))) {
      throw damaged(`the checksum of its chunk ${type} is wrong`);
    }
    if (type === 'IEND') return chunks;
    chunks.push({ type, data: file.subarray(at + 8, end - 4) });
    at = end;
  }
}

/** The error of a file that is not what PNG says; `reason` follows "because". */
export function damaged(reason: string): EngineError {
  return new EngineError('invalid-argument', `The PNG file cannot be read, because ${reason}.`);
}

/** CRC-32 with the polynomial of PNG, gzip and ZIP. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_OF_BYTE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC_OF_BYTE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** Text of bytes that each stand for one character. */
export function latin1(bytes: Uint8Array): string {
  // TextDecoder's `latin1` is windows-1252, which differs in 27 characters.
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The inverse of {@link latin1}; no character of `text` may be above U+00FF. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** `bytes` as a zlib stream. */
export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The contents of a zlib stream.
 *
 * @param options `atMost`: more bytes than these are an error, so that a small file cannot fill the
 *   memory.
 */
export async function inflate(
  bytes: Uint8Array,
  options: { atMost: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const source = new Blob([new Uint8Array(bytes)]).stream();
  // A reader, for not every browser can iterate over a stream.
  const reader = source.pipeThrough(new DecompressionStream('deflate')).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.length;
      if (length > options.atMost) break;
      parts.push(read.value);
    }
  } catch (error) {
    throw new EngineError('invalid-argument', 'The PNG file cannot be read: bad compression.', {
      cause: error,
    });
  }
  // Nothing waits for this: what is left is of no interest, nor is how it ends.
  reader.cancel().catch(() => undefined);
  if (length > options.atMost) throw damaged('it inflates to more than it declares');
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
