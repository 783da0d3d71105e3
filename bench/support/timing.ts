/**
 * Times of something that is done over and over.
 */

import process from 'node:process';

/** Wall time and the process's CPU time of one run, in milliseconds. */
export type RunTime = { readonly wall: number; readonly cpu: number };

/**
 * One run. CPU time counts all threads: on a software GPU it is the work itself, and other programs on the machine
 * change it less than they change the wall time.
 */
export async function timedRun(task: () => Promise<void>): Promise<RunTime> {
  const start = performance.now();
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return { wall: performance.now() - start, cpu: (user + system) / 1000 };
}

/** Times of each run after the warm-up. */
export async function timedRuns(
  task: () => Promise<void>,
  { warmups, runs }: { readonly warmups: number; readonly runs: number },
): Promise<RunTime[]> {
  const times: RunTime[] = [];
  for (let i = 0; i < warmups + runs; i++) {
    const time = await timedRun(task);
    if (i >= warmups) times.push(time);
  }
  return times;
}

/** Middle, least and most wall time, and middle CPU time, of several runs. */
export type Summary = {
  readonly ms: number;
  readonly leastMs: number;
  readonly mostMs: number;
  readonly cpuMs: number;
};

/** See {@link Summary}. */
export function summarize(times: readonly RunTime[]): Summary {
  const wall = times.map((time) => time.wall).sort((a, b) => a - b);
  const cpu = times.map((time) => time.cpu).sort((a, b) => a - b);
  return {
    ms: median(wall),
    leastMs: wall[0] ?? NaN,
    mostMs: wall.at(-1) ?? NaN,
    cpuMs: median(cpu),
  };
}

/** The headings that belong to {@link summaryCells}. */
export const SUMMARY_HEADINGS = ['run ms', 'least', 'most', 'CPU ms'] as const;

/** A summary as cells of a table. */
export function summaryCells({ ms, leastMs, mostMs, cpuMs }: Summary): string[] {
  return [ms, leastMs, mostMs, cpuMs].map(inMilliseconds);
}

/** The middle of sorted numbers. */
function median(sorted: readonly number[]): number {
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
