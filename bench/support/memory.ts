/**
 * What a process has used: the peak of its resident memory, and of what JavaScript holds.
 */

import { readFileSync } from 'node:fs';
import process from 'node:process';

/** The most memory this process ever had resident, in bytes. A software GPU's memory is part of it. */
export function peakResidentBytes(): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** Samples JavaScript's heap and array buffers until it is stopped; the wasm heap is not part of either. */
export function watchHeap(): { readonly peakBytes: () => number; readonly stop: () => void } {
  let peak = 0;
  const look = (): void => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    peak = Math.max(peak, heapUsed + arrayBuffers);
  };
  look();
  const timer = setInterval(look, 10);
  return {
    peakBytes: () => {
      look();
      return peak;
    },
    stop: () => clearInterval(timer),
  };
}

/** Bytes as decimal megabytes, without a unit. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
