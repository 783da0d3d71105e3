/**
 * The time as downloads see it, so that tests of waiting need not wait.
 */

/** A clock, and a way to wait by it. */
export type Clock = {
  /** Milliseconds since any fixed moment. */
  now(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason once that aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
};

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, milliseconds);
      signal?.addEventListener('abort', abort, { once: true });
    }),
};
