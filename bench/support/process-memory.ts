/**
 * Peak memory of the processes that this one has started, such as those of a browser (Linux).
 */

import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** A process and the most memory it ever had resident, in bytes. */
export type ProcessPeak = { readonly kind: string; readonly peakBytes: number };

/** All processes below this one that still run, largest first; of a browser's the kind is what it says of them. */
export function processPeaks(): ProcessPeak[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(processOf);
  const below = new Set([process.pid]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { id, parent } of all) if (below.has(parent)) below.add(id);
  }
  return all
    .filter(({ id }) => id !== process.pid && below.has(id))
    .map(({ kind, peakBytes }) => ({ kind, peakBytes }))
    .toSorted((a, b) => b.peakBytes - a.peakBytes);
}

function processOf(name: string): (ProcessPeak & { id: number; parent: number })[] {
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
