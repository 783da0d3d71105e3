/**
 * Back-pressure for uploads: how many bytes may be on their way to the GPU at once.
 *
 * A byte is in flight from before it is read until the GPU has done all work submitted after it was
 * written. Without this, a fast disk fills the browser's staging memory with a whole checkpoint.
 */

import { abortable } from '../../util/abortable.ts';

/** Bytes promised to one chunk. Exactly one of the two ways to end it must be taken. */
export type Reservation = {
  /** The bytes were given to the queue: they count until the GPU is done. `onDone` runs then. */
  sent(onDone?: () => void): void;
  /** The bytes were not used. */
  cancel(): void;
};

type Waiter = { bytes: number; admit: () => void };

/** A first-come-first-served budget of bytes in flight on one queue. */
export class UploadBudget {
  readonly maxBytes: number;
  readonly #queue: GPUQueue;
  #inFlight = 0;
  #peak = 0;
  /** Written, but no fence asked for yet. */
  #unfenced: { bytes: number; onDone: (() => void)[] } = { bytes: 0, onDone: [] };
  #waiters: Waiter[] = [];

  constructor(queue: GPUQueue, maxBytes: number) {
    this.#queue = queue;
    this.maxBytes = maxBytes;
  }

  /** Bytes in flight now. */
  get bytesInFlight(): number {
    return this.#inFlight;
  }

  /** Most bytes that were ever in flight. */
  get peakBytesInFlight(): number {
    return this.#peak;
  }

  /** Waits until `bytes` more fit. Rejects with the signal's reason. */
  async reserve(bytes: number, signal: AbortSignal): Promise<Reservation> {
    signal.throwIfAborted();
    if (this.#waiters.length > 0 || !this.#fits(bytes)) {
      let waiter: Waiter | undefined;
      const admitted = new Promise<void>((resolve) => {
        waiter = { bytes, admit: resolve };
        this.#waiters.push(waiter);
      });
      if (this.#unfenced.bytes > 0) void this.#fence();
      try {
        await abortable(admitted, signal);
      } catch (error) {
        const isStillWaiting = this.#waiters.some((other) => other === waiter);
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        if (!isStillWaiting) this.#inFlight -= bytes; // admitted and aborted in the same instant
        this.#admit();
        throw error;
      }
    } else {
      this.#take(bytes);
    }
    return this.#reservation(bytes);
  }

  /** Resolves when the GPU has done all that was sent so far. */
  async drain(): Promise<void> {
    await this.#fence();
  }

  #reservation(bytes: number): Reservation {
    return {
      sent: (onDone) => {
        this.#unfenced.bytes += bytes;
        if (onDone) this.#unfenced.onDone.push(onDone);
        // A quarter of the budget per fence: few fences for many small tensors, no stall for large ones.
        const isMuch = this.#unfenced.bytes >= this.maxBytes / 4;
        if (isMuch || this.#waiters.length > 0) void this.#fence();
      },
      cancel: () => {
        this.#inFlight -= bytes;
        this.#admit();
      },
    };
  }

  #fits(bytes: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + bytes <= this.maxBytes;
  }

  #take(bytes: number): void {
    this.#inFlight += bytes;
    this.#peak = Math.max(this.#peak, this.#inFlight);
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#waiters;
      if (first === undefined || !this.#fits(first.bytes)) return;
      this.#waiters.shift();
      this.#take(first.bytes);
      first.admit();
    }
  }

  async #fence(): Promise<void> {
    const { bytes, onDone } = this.#unfenced;
    this.#unfenced = { bytes: 0, onDone: [] };
    try {
      await this.#queue.onSubmittedWorkDone();
    } catch {
      // A lost device has no work left, and every waiter learns of the loss by its signal.
    }
    for (const done of onDone) done();
    this.#inFlight -= bytes;
    this.#admit();
  }
}
