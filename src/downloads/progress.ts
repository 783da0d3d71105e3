/**
 * How far a download is, how fast it goes, and how long it will take.
 */

import type { Clock } from './clock.ts';

/** What a download is doing. */
export type DownloadPhase =
  /** Waits for another tab that downloads this file, or for its turn. */
  | 'waiting'
  /** Reads what an earlier attempt left on disk, for its part in the digest. */
  | 'checking'
  /** Bytes are coming. */
  | 'downloading'
  /** The connection was lost; the next attempt follows after a pause. */
  | 'retrying'
  /** The file is whole and verified. */
  | 'done';

/** How far a download is. */
export type DownloadProgress = {
  /** The file's path in the store. */
  readonly path: string;
  readonly phase: DownloadPhase;
  /** Bytes on disk; while checking, bytes read again. Falls back to 0 when the file has to be started over. */
  readonly received: number;
  /** Length of the file in bytes, as soon as it is known. */
  readonly total: number | undefined;
  /** Smoothed over some seconds; undefined until bytes have come for a moment. */
  readonly bytesPerSecond: number | undefined;
  /** Seconds that the rest takes at this rate; undefined while the rate or the length is. */
  readonly secondsLeft: number | undefined;
};

/** Milliseconds after which an old rate counts for a third of what it did. */
const SMOOTHING_MS = 5000;

/** Bursts shorter than this many milliseconds say nothing about a rate. */
const SHORTEST_SAMPLE_MS = 250;

/** Milliseconds between two reports of the same phase. */
const REPORT_EVERY_MS = 100;

/** Bytes per second as an exponential moving average over time. */
export class RateMeter {
  #rate: number | undefined;
  #since: number;
  #bytes = 0;

  /** Starts measuring at `now`, in milliseconds. */
  constructor(now: number) {
    this.#since = now;
  }

  /** Counts `bytes` that have come up to `now`, in milliseconds. */
  add(bytes: number, now: number): void {
    this.#bytes += bytes;
    const elapsed = now - this.#since;
    if (elapsed < SHORTEST_SAMPLE_MS) return;
    const rate = (this.#bytes / elapsed) * 1000;
    const weight = 1 - Math.exp(-elapsed / SMOOTHING_MS);
    this.#rate = this.#rate === undefined ? rate : this.#rate + weight * (rate - this.#rate);
    this.#since = now;
    this.#bytes = 0;
  }

  /** The average so far; undefined before the first quarter of a second. */
  get bytesPerSecond(): number | undefined {
    return this.#rate;
  }
}

/** Turns the events of one download into reports, not more of them than somebody can read. */
export class ProgressReporter {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #send: (progress: DownloadProgress) => void;
  #meter: RateMeter | undefined;
  #received = 0;
  #total: number | undefined;
  #phase: DownloadPhase | undefined;
  #reportedAt = 0;

  constructor(path: string, clock: Clock, send: (progress: DownloadProgress) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#send = send;
  }

  /** Reports what is going on now, unless the same was reported a moment ago. */
  report(phase: DownloadPhase, received = this.#received, total = this.#total): void {
    const now = this.#clock.now();
    if (phase === 'downloading') {
      this.#meter ??= new RateMeter(now);
      const came = this.#phase === phase ? received - this.#received : 0;
      this.#meter.add(Math.max(0, came), now);
    }
    const isNews = phase !== this.#phase || now - this.#reportedAt >= REPORT_EVERY_MS;
    this.#phase = phase;
    this.#received = received;
    this.#total = total;
    if (!isNews) return;
    this.#reportedAt = now;
    this.#send(this.#snapshot(phase));
  }

  /** What there is to report now, reported or not; undefined before the first report. */
  get latest(): DownloadProgress | undefined {
    return this.#phase === undefined ? undefined : this.#snapshot(this.#phase);
  }

  #snapshot(phase: DownloadPhase): DownloadProgress {
    const [received, total] = [this.#received, this.#total];
    const rate = phase === 'downloading' ? this.#meter?.bytesPerSecond : undefined;
    const isForeseeable = rate !== undefined && rate > 0 && total !== undefined;
    return {
      path: this.#path,
      phase,
      received,
      total,
      bytesPerSecond: rate,
      secondsLeft: isForeseeable ? (total - received) / rate : undefined,
    };
  }
}
