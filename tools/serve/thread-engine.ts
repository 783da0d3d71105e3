/**
 * The engine in a thread of its own, so that a server answers while it draws: on the CPU a step can take half a minute.
 */

import { Worker as Thread } from 'node:worker_threads';

import { EngineClient, type EngineClientOptions } from '../../src/protocol/client.ts';

/** Starts the engine in a thread. Rejects as {@link EngineClient.start} does. */
export function startThreadEngine(options: EngineClientOptions): Promise<EngineClient> {
  // What the engine's client opens is a worker, wherever it runs.
  Object.assign(globalThis, { Worker: EngineThread });
  return EngineClient.start(options);
}

/** A thread with as much of a browser's `Worker` as the engine's client uses; which script it runs is settled. */
class EngineThread extends EventTarget {
  readonly #thread = new Thread(new URL('engine-thread.mjs', import.meta.url));

  constructor() {
    super();
    this.#thread.on('message', (data: unknown) =>
      this.dispatchEvent(new MessageEvent('message', { data })),
    );
    this.#thread.on('error', ({ message }: Error) =>
      this.dispatchEvent(Object.assign(new Event('error'), { message })),
    );
  }

  /** As `Worker.postMessage`. */
  postMessage(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer);
  }

  /** As `Worker.terminate`. */
  terminate(): void {
    void this.#thread.terminate();
  }
}
