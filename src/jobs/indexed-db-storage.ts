/**
 * A storage in IndexedDB: jobs and pictures that outlive the page, shared by all tabs of an origin.
 */

import { createStore, del, get, set, update, values } from 'idb-keyval';

import { memoryStorage } from './memory-storage.ts';
import type { JobRecord, JobStorage } from './storage.ts';

const LAST_ID = 'last';

/** A file as bytes: in a private window WebKit's IndexedDB takes no Blob. */
type StoredFile = { readonly type: string; readonly bytes: ArrayBuffer };

/** The storage `name` of this origin; two of different names have nothing in common. */
function indexedDbStorage(name = 'local-diffusion'): JobStorage {
  // One database each, for the library makes a store only together with its database.
  const ids = createStore(`${name}-ids`, 'ids');
  const jobs = createStore(`${name}-jobs`, 'jobs');
  const files = createStore(`${name}-files`, 'files');
  return {
    nextId: async () => {
      let next = 0;
      // One transaction, so that two tabs never get the same number.
      await update<number>(LAST_ID, (last = 0) => (next = last + 1), ids);
      return next;
    },
    jobs: {
      get: (id) => get<JobRecord>(id, jobs),
      set: (id, record) => set(id, record, jobs),
      delete: (id) => del(id, jobs),
      all: () => values<JobRecord>(jobs),
    },
    files: {
      get: async (key) => {
        const file = await get<StoredFile>(key, files);
        return file && new Blob([file.bytes], { type: file.type });
      },
      set: async (key, blob) => {
        const file: StoredFile = { type: blob.type, bytes: await blob.arrayBuffer() };
        await set(key, file, files);
      },
      delete: (key) => del(key, files),
    },
  };
}

/** {@link indexedDbStorage} where the browser has one and allows it, else memory. */
export function browserStorage(name?: string): JobStorage {
  return 'indexedDB' in globalThis ? indexedDbStorage(name) : memoryStorage();
}
