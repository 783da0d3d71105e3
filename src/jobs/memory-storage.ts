/**
 * A storage that lives as long as its process: for Node, tests, and browsers that forbid storing.
 */

import type { JobRecord, JobStorage } from './storage.ts';

/** An empty storage in memory, whose first job gets the number `firstId`. */
export function memoryStorage(firstId = 1): JobStorage {
  let lastId = firstId - 1;
  const jobs = new Map<number, JobRecord>();
  return {
    nextId: () => Promise.resolve(++lastId),
    jobs: { ...collection(jobs), all: () => Promise.resolve([...jobs.values()]) },
    files: collection(new Map<string, Blob>()),
  };
}

function collection<K, T>(values: Map<K, T>) {
  return {
    get: (key: K): Promise<T | undefined> => Promise.resolve(values.get(key)),
    set: (key: K, value: T): Promise<void> => {
      values.set(key, value);
      return Promise.resolve();
    },
    delete: (key: K): Promise<void> => {
      values.delete(key);
      return Promise.resolve();
    },
  };
}
