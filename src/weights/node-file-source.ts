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
export async function openFileSource(at: string | URL): Promise<FileSource> {
  const path = at instanceof URL ? decodeURIComponent(at.pathname) : at;
  const { open } = await import('node:fs/promises');
  const file = await open(at, 'r');
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

/**
 * A source over the file at `path` that opens it for every read, so that nobody has to close it; undefined when there is no
 * file.
 *
 * @param name What messages call it.
 */
export async function fileSourceAt(
  path: string | URL,
  name: string,
): Promise<ByteSource | undefined> {
  const { stat } = await import('node:fs/promises');
  const stats = await stat(path).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(name, cause instanceof Error ? cause.message : String(cause), cause);
  });
  if (stats === undefined || !stats.isFile()) return undefined;
  return {
    name,
    size: stats.size,
    modified: stats.mtimeMs,
    async read(start, end, signal) {
      const source = await openFileSource(path);
      try {
        return await source.read(start, end, signal);
      } finally {
        await source.close();
      }
    },
  };
}
