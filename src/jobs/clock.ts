/**
 * Time as the queue needs it, so that tests need not wait.
 */

/** Tells the time and wakes up later. */
export type Clock = {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds; the signal ends the waiting early, without an error. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
};

/** Longest delay that the platform's timers can count: 2^31 - 1 milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The platform's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const timer = setTimeout(end, Math.min(milliseconds, LONGEST_DELAY));
      function end(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      }
      signal.addEventListener('abort', end);
    }),
};
