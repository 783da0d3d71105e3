/**
 * Times of something that is done over and over.
 */

/** Milliseconds of each run after the warm-up, sorted. */
export async function milliseconds(
  task: () => Promise<void>,
  { warmups, runs }: { readonly warmups: number; readonly runs: number },
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < warmups + runs; i++) {
    const start = performance.now();
    await task();
    if (i >= warmups) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

/** The middle of sorted numbers. */
export function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** Milliseconds of `task` and what it gave. */
export async function timed<T>(task: () => Promise<T>): Promise<[result: T, ms: number]> {
  const start = performance.now();
  const result = await task();
  return [result, performance.now() - start];
}

/** Milliseconds with as many digits as they deserve. */
export function inMilliseconds(ms: number): string {
  return ms.toFixed(ms < 100 ? 1 : 0);
}
