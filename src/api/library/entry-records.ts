/**
 * Where the entries that a person added are written down, so that they are there on the next visit.
 */

import { createStore, del, set, values } from 'idb-keyval';

import type { EntryName } from '../../models/open-entry.ts';

/** An added entry as it is kept. */
export type EntryRecord = EntryName & {
  /** As a manifest has it, without files. */
  readonly entry: unknown;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  /** The file or folder on disk that it uses, where the browser can remember that. */
  readonly handle?: FileSystemHandle | undefined;
};

/** See the file's header. */
export type EntryRecords = {
  all(): Promise<readonly EntryRecord[]>;
  /** Writes a record in place of one of the same name. */
  set(record: EntryRecord): Promise<void>;
  delete(name: EntryName): Promise<void>;
  /** Calls back when another tab has changed something; returns what stops that. Absent: nobody else does. */
  watch?(listener: () => void): () => void;
};

/** One name for kind and id. */
export function keyOf({ kind, id }: EntryName): string {
  return `${kind} ${id}`;
}

/** Records for as long as the process runs. */
export function memoryRecords(): EntryRecords {
  const records = new Map<string, EntryRecord>();
  return {
    all: async () => [...records.values()],
    set: async (record) => void records.set(keyOf(record), record),
    delete: async (name) => void records.delete(keyOf(name)),
  };
}

/** Records in the browser's IndexedDB, which all tabs of an origin share; in memory where there is none. */
export function browserRecords(name = 'local-diffusion-library'): EntryRecords {
  if (!('indexedDB' in globalThis)) return memoryRecords();
  const store = createStore(name, 'entries');
  const channel = new BroadcastChannel(name);
  const tell = (): void => channel.postMessage('changed');
  return {
    all: () => values<EntryRecord>(store),
    set: async (record) => {
      await set(keyOf(record), record, store);
      tell();
    },
    delete: async (entry) => {
      await del(keyOf(entry), store);
      tell();
    },
    watch: (listener) => {
      channel.addEventListener('message', listener);
      return () => channel.removeEventListener('message', listener);
    },
  };
}
