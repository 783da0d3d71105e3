/**
 * A clock that stands still until it is told to go on.
 */

import type { Clock } from '../../src/jobs/clock.ts';

/** A clock whose time `advance` moves, waking what sleeps until then. */
export type FakeClock = Clock & { advance: (milliseconds: number) => Promise<void> };

/** A clock that begins at `time`. */
export function fakeClock(time = 1_000_000): FakeClock {
  let now = time;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  return {
    now: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        const sleeper = { until: now + milliseconds, wake: resolve };
        if (signal.aborted) resolve();
        else sleepers.add(sleeper);
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          resolve();
        });
      }),
    advance: async (milliseconds) => {
      await settled();
      now += milliseconds;
      for (const sleeper of sleepers) {
        if (sleeper.until > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    },
  };
}

/** Resolves when everything that needs no more than promises is done. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
