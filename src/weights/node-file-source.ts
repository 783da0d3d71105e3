/**
 * Random access to a file on disk, for Node: the tools, the bench, and tests of real checkpoints.
 *
 * Loads `node:fs` on first use, so that a bundle for browsers may contain this file without needing
 * Node; there, open a File or Blob with `blobSource` instead.
 */

import { checkRange, unreadable } from './byte-source.ts';
import type { ByteSource } from './checkpoint.ts';

/** A source over an open file, which stays open until `close`. */
export type FileSource = ByteSource & {
  /** Closes the file; reads fail from then on. */
  close(): Promise<void>;
};

/** Bytes of one read call: Node takes at most 2 GiB, and the signal is looked at between calls. */
const PIECE_BYTES = 64 * 2 ** 20;

/** Opens the file at `path`, whose name in messages is that path. */
export async function openFileSource(path: string): Promise<FileSource> {
  const { open } = await import('node:fs/promises');
  const file = await open(path, 'r');
  const { size } = await file.stat().catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  return {
    name: path,
    size,
    close: () => file.close(),
    async read(start, end, signal) {
      signal?.throwIfAborted();
      checkRange({ name: path, size }, start, end);
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) {
        const wanted = Math.min(PIECE_BYTES, bytes.length - done);
        const { bytesRead } = await file
          .read(bytes, done, wanted, start + done)
          .catch((cause: unknown) => {
            throw unreadable(path, cause instanceof Error ? cause.message : String(cause), cause);
          });
        if (bytesRead === 0) {
          throw unreadable(path, `it ends at byte ${start + done}, before byte ${end}`);
        }
        done += bytesRead;
        signal?.throwIfAborted();
      }
      return bytes;
    },
  };
}

/** All bytes of the file at a `file:` URL; undefined when there is no such file. */
export async function readWhole(url: URL, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  const { readFile } = await import('node:fs/promises');
  try {
    return new Uint8Array(await readFile(url, signal === undefined ? {} : { signal }));
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw unreadable(url.href, cause instanceof Error ? cause.message : String(cause), cause);
  }
}
