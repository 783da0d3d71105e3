/**
 * Calls across the worker's boundary that can be aborted: each has a number, under which an abort finds it.
 */

import { fromWireError, toWireError, type WireError } from './wire.ts';

/** The page's side: numbers for calls, and aborts sent after them. */
export class SentCalls {
  readonly #abort: (call: number, reason: WireError) => unknown;
  #count = 0;

  /** @param abort Sends an abort to the worker. */
  constructor(abort: (call: number, reason: WireError) => unknown) {
    this.#abort = abort;
  }

  /** Makes a call; rejects with the signal's own reason when that aborts. */
  async run<T>(signal: AbortSignal | undefined, task: (call: number) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const call = this.#count++;
    const abort = (): void => void this.#abort(call, toWireError(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await task(call);
    } catch (error) {
      // The reason itself, not the copy that came back from the worker.
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

/** The worker's side: signals for the calls that run. */
export class ReceivedCalls {
  readonly #running = new Map<number, AbortController>();

  /** Runs a call until it ends or is aborted. */
  async run<T>(call: number, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#running.set(call, controller);
    try {
      return await task(controller.signal);
    } finally {
      this.#running.delete(call);
    }
  }

  /** Aborts a running call; it rejects with this reason. */
  abort(call: number, reason: WireError): void {
    this.#running.get(call)?.abort(fromWireError(reason));
  }
}
