/**
 * A person's own files, used where they are: an entry of the library names them, and whoever opens it hands them along. Copies
 * of them may lie in the store.
 */

import type { DownloadStore } from '../downloads/download-store.ts';
import { EngineError } from '../errors.ts';
import { blobSource } from '../weights/byte-source.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import type { ModelFolder } from './folder-parts.ts';
import { storePath } from './stored-files.ts';

/** Files of one entry. */
export type LocalSource = {
  /** Tells them from those of other entries. */
  readonly key: string;
  /** Name of the single file; absent: they are a folder. */
  readonly file?: string;
  /** Name of the folder; what was added by older versions has none. */
  readonly folder?: string;
  /** The files as Blobs, by their paths in the folder; what is not there may be in the store. */
  readonly blobs?: Readonly<Record<string, unknown>>;
};

/** Where a store has the copies of an entry's files. */
export function localRoot({ key }: Pick<LocalSource, 'key'>): string {
  return `_own/${storePath(key)}`;
}

/** Where a store has the copy of the file at a path of the entry's folder. */
export function localPath(source: LocalSource, path: string): string {
  return `${localRoot(source)}/${storePath(path)}`;
}

/** The files as a folder. */
export function localFolder(
  name: string,
  source: LocalSource,
  store: () => Promise<DownloadStore>,
): ModelFolder {
  return {
    name,
    open: async (path) => {
      const blob = source.blobs?.[path];
      if (blob instanceof Blob) return blobSource(blob, path);
      // Files that were handed along are all there are.
      if (source.blobs !== undefined) return undefined;
      return (await store()).get(localPath(source, path));
    },
  };
}

/**
 * The single file.
 *
 * @throws EngineError `model-malformed` when it was neither handed along nor copied: it has to be chosen again.
 */
export async function localFile(
  name: string,
  source: LocalSource,
  store: () => Promise<DownloadStore>,
): Promise<ByteSource> {
  const { file } = source;
  if (file === undefined) {
    throw new EngineError('invalid-argument', `${name} is a folder; a single file was expected`, {
      detail: { name },
    });
  }
  const found = await localFolder(name, source, store).open(file);
  if (found !== undefined) return { ...found, name: file };
  throw new EngineError(
    'model-malformed',
    `the file ${file} of ${name} cannot be read any more: choose it again, or keep a copy of it in the browser`,
    { detail: { name, file } },
  );
}
