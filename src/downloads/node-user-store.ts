/**
 * The store of the user who runs Node: in the cache folder of the operating system, or where LOCAL_DIFFUSION_CACHE says.
 */

import { homedir, platform } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import type { DownloadStore } from './download-store.ts';
import { openNodeStore, type NodeStoreOptions } from './node-file-store.ts';

/** Opens it; HF_TOKEN, where it is set, is the access token for huggingface.co. */
export function openUserStore(options: Pick<NodeStoreOptions, 'fetch'> = {}): DownloadStore {
  const { HF_TOKEN: token } = process.env;
  const tokens = token === undefined || token === '' ? {} : { 'huggingface.co': token };
  return openNodeStore(userFolder(), { tokens, ...options });
}

/** The folder, an absolute path unless LOCAL_DIFFUSION_CACHE is none. */
export function userFolder(): string {
  const { LOCAL_DIFFUSION_CACHE: own, XDG_CACHE_HOME: cache, LOCALAPPDATA: local } = process.env;
  if (own !== undefined && own !== '') return own;
  const name = 'local-diffusion';
  if (cache !== undefined && cache !== '') return join(cache, name);
  switch (platform()) {
    case 'darwin':
      return join(homedir(), 'Library/Caches', name);
    case 'win32':
      return join(local ?? join(homedir(), 'AppData/Local'), name);
    default:
      return join(homedir(), '.cache', name);
  }
}
