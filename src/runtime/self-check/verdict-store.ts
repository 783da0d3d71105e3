/**
 * Remembers verdicts, so that a device is checked once per browser version and not at every start.
 */

import { createStore, get, set, type UseStore } from 'idb-keyval';

import type { GpuDeviceInfo } from '../gpu/device.ts';
import type { Verdict } from './self-check.ts';

/** Raise it when probes or graphs change in a way that makes old verdicts worthless. */
const VERSION = 3;

/** Where verdicts are kept. */
export type VerdictStore = {
  /** The verdict under a key, if one of this version is there. */
  get(key: string): Promise<Verdict | undefined>;
  /** Keeps a verdict; failing to is no error. */
  set(key: string, verdict: Verdict): Promise<void>;
};

/** A key that changes with the GPU, its driver as far as the browser tells, the browser and the runtime's build. */
export function verdictKey(info: GpuDeviceInfo, build: string): string {
  const { vendor, architecture, description, features, subgroupMinSize, subgroupMaxSize } = info;
  const agent = typeof navigator === 'undefined' ? '' : (navigator.userAgent ?? '');
  return JSON.stringify([
    VERSION,
    vendor,
    architecture,
    description,
    features,
    subgroupMinSize ?? 0,
    subgroupMaxSize ?? 0,
    build,
    agent,
  ]);
}

/** IndexedDB in a browser; elsewhere verdicts last as long as the process. */
export function defaultVerdictStore(): VerdictStore {
  return typeof indexedDB === 'undefined' ? memoryVerdictStore() : new IndexedVerdictStore();
}

/** Keeps verdicts in memory. */
export function memoryVerdictStore(): VerdictStore {
  const verdicts = new Map<string, Verdict>();
  return {
    get: (key) => Promise.resolve(verdicts.get(key)),
    set: (key, verdict) => {
      verdicts.set(key, verdict);
      return Promise.resolve();
    },
  };
}

class IndexedVerdictStore implements VerdictStore {
  #store: UseStore | undefined;

  async get(key: string): Promise<Verdict | undefined> {
    try {
      return await get<Verdict>(key, this.#open());
    } catch {
      return undefined; // private windows may refuse storage: check again
    }
  }

  async set(key: string, verdict: Verdict): Promise<void> {
    try {
      await set(key, verdict, this.#open());
    } catch {
      // The same: nothing is lost but time at the next start.
    }
  }

  #open(): UseStore {
    this.#store ??= createStore('local-diffusion-verdicts', 'verdicts');
    return this.#store;
  }
}
