/**
 * The store that downloaded models are kept in: the origin's private file system in a browser's worker, a folder of the
 * user's in Node.
 */

import type { DownloadStore } from '../downloads/download-store.ts';
import { openBrowserStore } from '../downloads/opfs-store.ts';

let opened: Promise<DownloadStore> | undefined;

/** The store; opened once, at the first call. */
export function modelStore(): Promise<DownloadStore> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function open(): Promise<DownloadStore> {
  const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;
  if (!isNode) return openBrowserStore();
  const { openUserStore } = await import('../downloads/node-user-store.ts');
  return openUserStore();
}
