/**
 * Peak memory of the processes that this one has started, such as those of a browser (Linux).
 */

import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** A process and the most memory it ever had resident, in bytes. */
export type ProcessPeak = {
  readonly kind: string;
  readonly peakBytes: number;
  /** Whether it is no more. */
  readonly hasEnded: boolean;
};

type Seen = Pick<ProcessPeak, 'kind' | 'peakBytes'> & { readonly id: number };

/** Milliseconds from look to look. */
const PERIOD = 500;

/**
 * Looks at all processes below this one from now on. The function it gives tells of all that were seen, largest first; of a
 * browser's the kind is what it says of them.
 */
export function watchProcesses(): () => ProcessPeak[] {
  const seen = new Map<number, Seen>();
  const look = (): Set<number> => {
    const running = processesBelow();
    for (const each of running) seen.set(each.id, each);
    return new Set(running.map(({ id }) => id));
  };
  setInterval(look, PERIOD).unref();
  return () => {
    const running = look();
    return [...seen.values()]
      .map(({ id, kind, peakBytes }) => ({ kind, peakBytes, hasEnded: !running.has(id) }))
      .toSorted((a, b) => b.peakBytes - a.peakBytes);
  };
}

function processesBelow(): Seen[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(processOf);
  const below = new Set([process.pid]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { id, parent } of all) if (below.has(parent)) below.add(id);
  }
  return all.filter(({ id }) => id !== process.pid && below.has(id));
}

function processOf(name: string): (Seen & { readonly parent: number })[] {
  const read = (file: string): string => readFileSync(`/proc/${name}/${file}`, 'utf8');
  try {
    const status = read('status');
    const number = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const kind = /--type=([\w-]+)/.exec(read('cmdline'))?.[1] ?? 'main';
    return [{ id: Number(name), parent: number('PPid'), kind, peakBytes: number('VmHWM') * 1024 }];
  } catch {
    return []; // It has ended.
  }
}
