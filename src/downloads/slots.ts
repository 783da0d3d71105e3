/**
 * A bound on how many tasks run at once; the others wait in the order they came.
 */

/** See the file's header. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** At most `count` tasks at once. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `task` when its turn comes; rejects with the signal's reason if that aborts before. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#take(signal);
    try {
      return await task();
    } finally {
      this.#giveBack();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
        reject(signal.reason);
      };
      this.#waiting.push(proceed);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
