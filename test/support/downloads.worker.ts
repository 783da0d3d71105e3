/**
 * A store of downloads in a worker of its own, as every tab has one.
 */

import { expose } from 'comlink';

import { systemClock, type Clock } from '../../src/downloads/clock.ts';
import type { DownloadStore, StoredFile, StoreUsage } from '../../src/downloads/download-store.ts';
import { openBrowserStore, type BrowserStoreOptions } from '../../src/downloads/opfs-store.ts';
import type { DownloadProgress } from '../../src/downloads/progress.ts';
import type { DownloadTarget } from '../../src/downloads/target.ts';
import { installWire } from '../../src/protocol/wire.ts';

/** Waits as long as it says, but for a twentieth. */
const hurriedClock: Clock = {
  now: () => systemClock.now(),
  sleep: (milliseconds, signal) => systemClock.sleep(milliseconds / 20, signal),
};

let opened: Promise<DownloadStore> | undefined;
let stop = new AbortController();
let cancel = new AbortController();

const service = {
  /** Opens the store; `canMove: false` makes this worker one that cannot move files. */
  async open(options: BrowserStoreOptions & { canMove?: boolean }): Promise<void> {
    const { canMove = true, ...rest } = options;
    if (!canMove) Reflect.deleteProperty(FileSystemFileHandle.prototype, 'move');
    opened = openBrowserStore({ clock: hurriedClock, ...rest });
    await opened;
  },
  /** Downloads a file, and digests what the store then gives with the browser's own SHA-256. */
  async download(
    target: DownloadTarget,
    onProgress?: (progress: DownloadProgress) => void,
  ): Promise<string> {
    stop = new AbortController();
    cancel = new AbortController();
    const signals = { signal: stop.signal, cancel: cancel.signal };
    const source = await (await store()).download(target, { ...signals, onProgress });
    return hex(await crypto.subtle.digest('SHA-256', await source.read(0, source.size)));
  },
  pause: () => stop.abort(),
  cancel: () => cancel.abort(),
  list: async (): Promise<StoredFile[]> => (await store()).list(),
  usage: async (): Promise<StoreUsage> => (await store()).usage(),
  has: async (path: string): Promise<boolean> => (await store()).has(path),
  delete: async (path: string): Promise<void> => (await store()).delete(path),
  verify: async (path: string): Promise<boolean> => (await store()).verify(path),
  setToken: async (host: string, token: string): Promise<void> =>
    (await store()).tokens.set(host, token),
  forgetToken: async (host: string): Promise<void> => (await store()).tokens.delete(host),
  tokenHosts: async (): Promise<string[]> => (await store()).tokens.hosts(),
};

/** What a test can ask of the worker. */
export type DownloadsService = typeof service;

function store(): Promise<DownloadStore> {
  if (opened === undefined) throw new Error('open the store first');
  return opened;
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

installWire();
expose(service);
