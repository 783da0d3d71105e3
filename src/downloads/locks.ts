/**
 * One owner at a time for each file of a store, across the tabs of a browser or the processes of a machine.
 */

/** How to wait for a lock. */
export type LockOptions = {
  /** Gives the wait up with its reason. It does not end the work of a lock that is held. */
  readonly signal?: AbortSignal | undefined;
  /** Do not wait: resolve with undefined when somebody has the lock. Default false. */
  readonly ifFree?: boolean;
};

/** A set of named locks. */
export type Locks = {
  /** Runs `work` while holding the lock called `name`, which is given back however the work ends. */
  hold<T>(name: string, work: () => Promise<T>, options?: LockOptions): Promise<T | undefined>;
};

/** The browser's Web Locks, which all tabs of an origin share; a tab that is closed gives its locks back. */
export const webLocks: Locks = {
  async hold(name, work, { signal, ifFree = false } = {}) {
    signal?.throwIfAborted();
    // The two options exclude each other; without a wait there is nothing to give up.
    const options: LockOptionsOfBrowser = ifFree
      ? { ifAvailable: true }
      : signal === undefined
        ? {}
        : { signal };
    return navigator.locks.request(name, options, (lock) => (lock === null ? undefined : work()));
  },
};

type LockOptionsOfBrowser = { ifAvailable?: boolean; signal?: AbortSignal };
