/**
 * The engine in a thread of its own, so that the server answers while it draws: on the CPU a step can take half a minute.
 *
 * The thread runs the engine's worker as browsers do. Node's threads differ from theirs in how messages are listened to,
 * which is all that is bridged here.
 */

import { Worker as Thread } from 'node:worker_threads';

import { EngineClient, type EngineClientOptions } from '../protocol/client.ts';

/** Starts the engine in a thread. Rejects as {@link EngineClient.start} does. */
export function startThreadEngine(options: EngineClientOptions): Promise<EngineClient> {
  (globalThis as { Worker: unknown }).Worker = WebWorker;
  return EngineClient.start(options);
}

/** As much of a browser's `Worker` as comlink and the engine's client use. */
class WebWorker extends EventTarget {
  readonly #thread: Thread;

  constructor(url: URL) {
    super();
    this.#thread = new Thread(new URL('node-thread.mjs', import.meta.url), {
      workerData: url.href.replace(/\.js$/, '.ts'),
    });
    this.#thread.on('message', (data: unknown) =>
      this.dispatchEvent(new MessageEvent('message', { data })),
    );
    this.#thread.on('error', (error: Error) => {
      this.dispatchEvent(Object.assign(new Event('error'), { error, message: error.message }));
    });
  }

  postMessage(message: unknown, transfer: readonly unknown[] = []): void {
    this.#thread.postMessage(message, transfer as []);
  }

  terminate(): void {
    void this.#thread.terminate();
  }
}
