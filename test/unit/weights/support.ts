/**
 * Helpers of the weight tests: sources that watch what is asked of them, and files made of parts.
 */

import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { ByteSource } from '../../../src/weights/checkpoint.ts';

/** A source over `bytes` that notes every range it was asked for. */
export function watched(bytes: Uint8Array, name = 'model.safetensors') {
  const inner = bufferSource(bytes, name);
  const reads: [start: number, end: number][] = [];
  const source: ByteSource = {
    ...inner,
    read: (start, end, signal) => {
      reads.push([start, end]);
      return inner.read(start, end, signal);
    },
  };
  return { source, reads };
}

/** A file from the text of a header (any text) and its data; `length` overrides the length field. */
export function fileOf(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  length?: bigint,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** The bytes of 16-bit or 32-bit elements. */
export function bytesOf(elements: Uint16Array | Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
