/**
 * A store in Node: files in a folder of the disk, tokens in memory, locks between processes.
 */

import { mkdir, open, readdir, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { fileSourceAt } from '../weights/node-file-source.ts';
import { DownloadStore, type DownloadStoreOptions } from './download-store.ts';
import { nodeLocks } from './node-locks.ts';
import type { OpenFile, Space, StoreFolder } from './storage.ts';
import { memoryTokens } from './tokens.ts';

/** Options of {@link openNodeStore}. */
export type NodeStoreOptions = Pick<
  DownloadStoreOptions,
  'parallel' | 'stallMs' | 'hubs' | 'clock' | 'fetch'
> & {
  /** Access tokens by host, such as `{ 'huggingface.co': token }`. Default none. */
  readonly tokens?: Readonly<Record<string, string>>;
};

/** Opens the store in a folder, which comes into being with the first file. */
export function openNodeStore(folder: string, options: NodeStoreOptions = {}): DownloadStore {
  const { tokens = {}, ...rest } = options;
  const root = resolve(folder);
  return new DownloadStore({
    ...rest,
    folder: nodeFolder(root),
    locks: nodeLocks(join(root, '.downloads', 'locks')),
    tokens: memoryTokens(tokens),
  });
}

/** A folder of the disk as a place for files; `root` is an absolute path. */
export function nodeFolder(root: string): StoreFolder {
  const at = (path: string): string => join(root, ...path.split('/'));
  return {
    id: root,
    async open(path) {
      await mkdir(dirname(at(path)), { recursive: true });
      return nodeFile(await open(at(path), 'r+').catch(whenMissing(() => open(at(path), 'w+'))));
    },
    async source(path) {
      return fileSourceAt(at(path), path);
    },
    async move(from, to) {
      await mkdir(dirname(at(to)), { recursive: true });
      await rename(at(from), at(to));
      return true;
    },
    async remove(path) {
      await rm(at(path), { force: true });
    },
    list: (folder) => filesBelow(at(folder)),
    space: () => spaceAt(root),
  };
}

function nodeFile(file: FileHandle): OpenFile {
  return {
    size: async () => (await file.stat()).size,
    async read(into, at) {
      return (await file.read(into, 0, into.length, at)).bytesRead;
    },
    async write(bytes, at) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await file
          .write(bytes, done, bytes.length - done, at + done)
          .catch(whenFull);
        done += bytesWritten;
      }
    },
    truncate: (size) => file.truncate(size),
    // The disk tells its room without hiding anything.
    room: async (wanted) => wanted,
    flush: () => file.sync(),
    close: () => file.close(),
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(whenMissing(() => []));
  const paths: string[] = [];
  for (const entry of entries) {
    if (entry.isFile()) paths.push(entry.name);
    if (!entry.isDirectory()) continue;
    const below = await filesBelow(join(folder, entry.name));
    paths.push(...below.map((path) => `${entry.name}/${path}`));
  }
  return paths;
}

/** Room on the disk of `folder`, which need not exist yet. */
async function spaceAt(folder: string): Promise<Space> {
  const above = dirname(folder);
  const stats = await statfs(folder).catch(
    whenMissing(() => (above === folder ? undefined : spaceAt(above))),
  );
  if (stats === undefined || 'free' in stats)
    return stats ?? { free: undefined, persisted: undefined };
  return { free: stats.bavail * stats.bsize, persisted: undefined };
}

/** Handles the error of a path that is not there, and throws every other one. */
function whenMissing<T>(result: () => T): (error: unknown) => T {
  return (error) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return result();
    throw error;
  };
}

function whenFull(error: unknown): never {
  if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error))) throw error;
  throw new DOMException('the disk is full', 'QuotaExceededError');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
