/**
 * How far all files of an entry are, put together from how far each is.
 */

import type { DownloadPhase, DownloadProgress } from '../downloads/progress.ts';

/** How far the files of an entry are. */
export type EntryProgress = {
  /** What is going on with at least one of them; the liveliest counts. */
  readonly phase: DownloadPhase;
  /** Bytes of all files so far. */
  readonly received: number;
  /** Bytes of all files, as soon as that is known. */
  readonly total?: number;
  /** Smoothed over some seconds; absent until bytes have come for a moment. */
  readonly bytesPerSecond?: number;
  /** Seconds that the rest takes at this rate; absent while the rate or the length is not known. */
  readonly secondsLeft?: number;
};

/** Phases by how much they say about the whole, the liveliest first. */
const PHASES: readonly DownloadPhase[] = ['downloading', 'checking', 'retrying', 'waiting', 'done'];

/** See the file's header. */
export class EntryMeter {
  readonly #send: ((progress: EntryProgress) => void) | undefined;
  readonly #files = new Map<string, DownloadProgress>();
  readonly #expected = new Map<string, number>();

  constructor(send: ((progress: EntryProgress) => void) | undefined) {
    this.#send = send;
  }

  /** Takes the length of a file that will come, in bytes. */
  expect(path: string, size: number): void {
    this.#expected.set(path, size);
  }

  /** Takes the news of one file. */
  take(progress: DownloadProgress): void {
    this.#files.set(progress.path, progress);
    this.#send?.(this.#snapshot());
  }

  #snapshot(): EntryProgress {
    const files = [...this.#files.values()];
    const live = files.map(({ phase }) => phase);
    const phase = PHASES.find((each) => live.includes(each)) ?? 'waiting';
    const received = files.reduce((sum, file) => sum + file.received, 0);
    const paths = new Set([...this.#expected.keys(), ...this.#files.keys()]);
    const totals = [...paths].map(
      (path) => this.#files.get(path)?.total ?? this.#expected.get(path),
    );
    const total = totals.reduce<number | undefined>(
      (sum, each) => (sum === undefined || each === undefined ? undefined : sum + each),
      0,
    );
    const rates = files.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
    const rate = rates.reduce((sum, each) => sum + each, 0);
    return {
      phase,
      received,
      ...(total === undefined ? {} : { total }),
      ...(rate > 0 ? { bytesPerSecond: rate } : {}),
      ...(rate > 0 && total !== undefined ? { secondsLeft: (total - received) / rate } : {}),
    };
  }
}
