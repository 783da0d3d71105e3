/**
 * The SHA-256 of a file that is here already, read piece by piece.
 */

import { createSHA256 } from 'hash-wasm';

import type { ByteSource } from '../weights/checkpoint.ts';

/** Options of {@link rehash}. */
export type RehashOptions = {
  readonly signal: AbortSignal | undefined;
  /** Hears how many bytes were read. */
  readonly onRead: (done: number) => void;
};

/** Bytes of one read. */
const READ_BYTES = 4 * 2 ** 20;

/** The digest of everything in `source`, in hexadecimal. */
export async function rehash(source: ByteSource, options: RehashOptions): Promise<string> {
  const { signal, onRead } = options;
  const hasher = await createSHA256();
  for (let start = 0; start < source.size; start += READ_BYTES) {
    const end = Math.min(start + READ_BYTES, source.size);
    hasher.update(await source.read(start, end, signal));
    onRead(end);
  }
  return hasher.digest('hex');
}
