/**
 * When to try again after a lost connection, and when to give up.
 */

import type { Clock } from './clock.ts';
import type { Interrupted } from './failures.ts';

/** Attempts in a row that may get nowhere: with the waits between them about a minute and a half. */
const MOST_ATTEMPTS = 8;

/** Milliseconds before the second attempt; every further wait is twice as long. */
const FIRST_WAIT_MS = 1000;

/** Longest wait of our own choice, in milliseconds. */
const LONGEST_WAIT_MS = 30_000;

/** Counts the attempts of one task. */
export class BackOff {
  readonly #clock: Clock;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Attempts in a row that got nowhere. */
  get failures(): number {
    return this.#failures;
  }

  /** Forgets the failures so far, because something was achieved. */
  progressed(): void {
    this.#failures = 0;
  }

  /** Counts a failure; false when it was one too many. */
  mayRetry(): boolean {
    this.#failures += 1;
    return this.#failures < MOST_ATTEMPTS;
  }

  /** Waits as long as the failures so far, or the server, ask for. */
  async wait(failure: Interrupted, signal?: AbortSignal): Promise<void> {
    const doubled = FIRST_WAIT_MS * 2 ** Math.max(0, this.#failures - 1);
    const wait = failure.afterMs ?? Math.min(doubled, LONGEST_WAIT_MS);
    await this.#clock.sleep(wait, signal);
  }
}
