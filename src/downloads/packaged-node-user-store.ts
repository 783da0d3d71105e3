/**
 * In the package there is no store of Node's: browsers cannot load a script that so much as names Node's modules. Takes the
 * place of `node-user-store.ts`.
 */

import { EngineError } from '../errors.ts';
import type { DownloadStore } from './download-store.ts';

/** Always throws: the package is for browsers. */
export function openUserStore(): DownloadStore {
  throw new EngineError('unsupported', 'the package is for browsers and stores nothing in Node');
}
