/**
 * A store in the browser: files in the origin private file system, tokens in IndexedDB, Web Locks.
 *
 * Only a dedicated worker can write there fast and without a copy, so a store is opened in one. The promise
 * not to evict the files can only be asked for by a page: see `persistence.ts`.
 */

import { EngineError } from '../errors.ts';
import { blobSource } from '../weights/byte-source.ts';
import { DownloadStore, type DownloadStoreOptions } from './download-store.ts';
import { webLocks } from './locks.ts';
import type { OpenFile, StoreFolder } from './storage.ts';
import { indexedDbTokens } from './tokens.ts';

/** Options of {@link openBrowserStore}. */
export type BrowserStoreOptions = Pick<
  DownloadStoreOptions,
  'parallel' | 'stallMs' | 'hubs' | 'clock'
> & {
  /** Folder of the origin private file system that holds the files. Default `local-diffusion`. */
  readonly folder?: string;
};

/** Opens the store of this origin. Throws EngineError `unsupported` outside of a dedicated worker. */
export async function openBrowserStore(options: BrowserStoreOptions = {}): Promise<DownloadStore> {
  const { folder: name = 'local-diffusion', ...rest } = options;
  if (
    typeof FileSystemFileHandle === 'undefined' ||
    !('createSyncAccessHandle' in FileSystemFileHandle.prototype)
  ) {
    throw new EngineError(
      'unsupported',
      'files can be kept by a dedicated worker of a page with https only, in a browser with an origin private file system',
    );
  }
  const root = await navigator.storage.getDirectory();
  const folder = new OpfsFolder(name, await root.getDirectoryHandle(name, { create: true }));
  return new DownloadStore({ ...rest, folder, locks: webLocks, tokens: indexedDbTokens() });
}

/** Moving files is in browsers, but not yet in the standard. */
type MovableHandle = FileSystemFileHandle & {
  move?: (folder: FileSystemDirectoryHandle, name: string) => Promise<void>;
};

/** Times to try to open a file that was open in a tab just closed, and the milliseconds between. */
const OPEN_ATTEMPTS = 40;
const OPEN_PAUSE_MS = 50;

class OpfsFolder implements StoreFolder {
  readonly id: string;
  readonly #root: FileSystemDirectoryHandle;

  constructor(id: string, root: FileSystemDirectoryHandle) {
    this.id = id;
    this.#root = root;
  }

  async open(path: string): Promise<OpenFile> {
    const [parent, name] = await this.#parentOf(path, true);
    const file = await parent.getFileHandle(name, { create: true });
    return new OpfsFile(await accessTo(file));
  }

  async source(path: string): Promise<ReturnType<typeof blobSource> | undefined> {
    const handle = await this.#file(path);
    if (handle === undefined) return undefined;
    const file = await handle.getFile();
    return { ...blobSource(file, path), modified: file.lastModified };
  }

  async move(from: string, to: string): Promise<boolean> {
    const file: MovableHandle | undefined = await this.#file(from);
    if (file?.move === undefined) return false;
    const [parent, name] = await this.#parentOf(to, true);
    await file.move(parent, name);
    return true;
  }

  async remove(path: string): Promise<void> {
    await orMissing(async () => {
      const [parent, name] = await this.#parentOf(path, false);
      await parent.removeEntry(name);
    });
  }

  async list(folder: string): Promise<string[]> {
    const top = await orMissing(() => this.#folder(folder.split('/'), false));
    return top === undefined ? [] : filesBelow(top);
  }

  async space(): Promise<{ free: number | undefined; persisted: boolean }> {
    const { quota, usage } = await navigator.storage.estimate();
    const free =
      quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage);
    return { free, persisted: await navigator.storage.persisted() };
  }

  #file(path: string): Promise<FileSystemFileHandle | undefined> {
    return orMissing(async () => {
      const [parent, name] = await this.#parentOf(path, false);
      return parent.getFileHandle(name);
    });
  }

  async #parentOf(path: string, create: boolean): Promise<[FileSystemDirectoryHandle, string]> {
    const names = path.split('/');
    const name = names.pop() ?? '';
    return [await this.#folder(names, create), name];
  }

  async #folder(names: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.#root;
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
    return folder;
  }
}

class OpfsFile implements OpenFile {
  readonly #handle: FileSystemSyncAccessHandle;

  constructor(handle: FileSystemSyncAccessHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return this.#handle.getSize();
  }

  async read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number> {
    return this.#handle.read(into, { at });
  }

  async write(bytes: Uint8Array<ArrayBuffer>, at: number): Promise<void> {
    const written = this.#handle.write(bytes, { at });
    // Chromium's private windows return a number of the wrong sign instead of failing.
    if (written === bytes.length) return;
    throw new DOMException('the bytes were not written', 'QuotaExceededError');
  }

  async truncate(size: number): Promise<void> {
    this.#handle.truncate(size);
  }

  async room(wanted: number): Promise<number> {
    const size = this.#handle.getSize();
    // The file is made longer and cut again without a moment in between at which something else could run.
    try {
      if (this.#canHave(wanted)) return wanted;
      let [fits, tooLong] = [size, wanted];
      while (tooLong - fits > wanted / 100) {
        const middle = Math.floor((fits + tooLong) / 2);
        if (this.#canHave(middle)) fits = middle;
        else tooLong = middle;
      }
      return fits;
    } finally {
      this.#handle.truncate(size);
    }
  }

  #canHave(size: number): boolean {
    try {
      this.#handle.truncate(size);
      // Chromium's private windows do nothing instead of failing.
      return this.#handle.getSize() === size;
    } catch (error) {
      if (error instanceof Error && error.name === 'QuotaExceededError') return false;
      throw error;
    }
  }

  async flush(): Promise<void> {
    this.#handle.flush();
  }

  async close(): Promise<void> {
    this.#handle.close();
  }
}

/** Opens a file; one that a closing tab still holds is waited for. */
async function accessTo(file: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      const isTaken = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!isTaken || attempt === OPEN_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_PAUSE_MS));
    }
  }
}

async function filesBelow(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const paths: string[] = [];
  for await (const [name, entry] of folder.entries()) {
    if (entry.kind === 'file') paths.push(name);
    else paths.push(...(await filesBelow(entry)).map((path) => `${name}/${path}`));
  }
  return paths;
}

/** What `work` returns; undefined when something on the way is not there. */
async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (
      error instanceof DOMException &&
      ['NotFoundError', 'TypeMismatchError'].includes(error.name)
    )
      return undefined;
    throw error;
  }
}
