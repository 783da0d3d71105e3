/**
 * A download that several wait for: it goes on as long as one of them does.
 */

import type { EntryOptions } from '../../engine/entry-files.ts';
import type { EntryProgress } from '../../engine/entry-progress.ts';
import { abortable } from '../../util/abortable.ts';

/** See the file's header. */
export class SharedDownload {
  /** Resolves when it has ended, however it did. */
  readonly settled: Promise<unknown>;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<(progress: EntryProgress) => void>();
  readonly #ended: Promise<void>;
  #waiting = 0;
  #progress: EntryProgress = { phase: 'waiting', received: 0 };

  /** @param run Downloads; its signal is aborted when nobody waits any more. */
  constructor(run: (options: EntryOptions) => Promise<void>) {
    this.#ended = run({
      signal: this.#controller.signal,
      onProgress: (progress) => {
        this.#progress = progress;
        for (const listener of this.#listeners) listener(progress);
      },
    });
    this.settled = this.#ended.catch(() => undefined);
  }

  /** How far it is. */
  get progress(): EntryProgress {
    return this.#progress;
  }

  /** Whether it was stopped, and will end soon. */
  get isStopped(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Waits for its end, or until the signal aborts; the last to go stops it. */
  async join({ signal, onProgress }: EntryOptions): Promise<void> {
    this.#waiting += 1;
    if (onProgress !== undefined) this.#listeners.add(onProgress);
    try {
      await abortable(this.#ended, signal);
    } finally {
      this.#waiting -= 1;
      if (onProgress !== undefined) this.#listeners.delete(onProgress);
      if (this.#waiting === 0) this.stop(signal?.reason);
    }
  }

  /** Stops it: what has come is kept, and all who wait hear the reason. */
  stop(reason: unknown = new DOMException('the download was stopped', 'AbortError')): void {
    this.#controller.abort(reason);
  }
}
