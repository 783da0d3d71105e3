/**
 * The page's side of the boundary: the engine in a worker of its own, with real AbortSignals and errors.
 */

import { proxy, releaseProxy, wrap, type Remote } from 'comlink';

import type {
  CallOptions,
  ComponentCall,
  ComponentSource,
  EngineOptions,
  MemoryReport,
  ModelFacts,
} from '../engine/engine.ts';
import type { ModelEntry } from '../models/manifest.ts';
import type { Generated, GenerateOptions, GenerateRequest } from '../pipelines/generate.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { EngineService } from './service.ts';
import { installWire, toWireError } from './wire.ts';

installWire();

/** Options of {@link EngineClient.start}. */
export type EngineClientOptions = EngineOptions & {
  /** The worker to use; by default one from the package's own file. */
  readonly worker?: Worker;
};

/** An engine in a worker. Dispose it to free the GPU and end the worker. */
export class EngineClient {
  /** What is in use and why. */
  readonly report: RuntimeReport;
  readonly #worker: Worker;
  readonly #service: Remote<EngineService>;
  #calls = 0;

  private constructor(worker: Worker, service: Remote<EngineService>, report: RuntimeReport) {
    this.#worker = worker;
    this.#service = service;
    this.report = report;
  }

  /** Starts a worker and the engine in it. */
  static async start({
    worker = openWorker(),
    ...options
  }: EngineClientOptions = {}): Promise<EngineClient> {
    const service = wrap<EngineService>(worker);
    try {
      return new EngineClient(worker, service, await service.start(options));
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Opens a component under `id`; blobs are handed over by reference, not copied. */
  load(id: string, source: ComponentSource, options: CallOptions = {}): Promise<void> {
    return this.#abortable(options, (call) => this.#service.load(call, id, source));
  }

  /** Evaluates the component `id`; rejects with the signal's own reason when aborted. */
  call(
    id: string,
    request: ComponentCall,
    options: CallOptions = {},
  ): Promise<Record<string, HostTensor>> {
    const { onProgress } = options;
    const listener = onProgress === undefined ? undefined : proxy(onProgress);
    return this.#abortable(options, (call) => this.#service.call(call, id, request, listener));
  }

  /** Opens the model that an entry of the manifest describes, under its id; addresses are relative to the page. */
  openModel(entry: ModelEntry, options: Pick<CallOptions, 'signal'> = {}): Promise<ModelFacts> {
    const { source } = entry;
    const absolute: ModelEntry =
      source.kind === 'folder'
        ? {
            ...entry,
            source: { ...source, url: new URL(source.url, globalThis.location?.href).href },
          }
        : entry;
    return this.#abortable(options, (call) => this.#service.openModel(call, absolute));
  }

  /** Draws with the model `id`; rejects with the signal's own reason when aborted, within one step. */
  generate(
    id: string,
    request: GenerateRequest,
    { previews, onProgress, ...options }: GenerateOptions = {},
  ): Promise<Generated> {
    const listener = onProgress === undefined ? undefined : proxy(onProgress);
    return this.#abortable(options, (call) =>
      this.#service.generate(call, id, request, previews, listener),
    );
  }

  /** Frees everything that the component or model holds. */
  async unload(id: string): Promise<void> {
    await this.#service.unload(id);
  }

  /** Memory of weights now. */
  memory(): Promise<MemoryReport> {
    return this.#service.memory();
  }

  /** Frees everything and ends the worker. */
  async dispose(): Promise<void> {
    await this.#service.dispose();
    this.#service[releaseProxy]();
    this.#worker.terminate();
  }

  async #abortable<T>(
    { signal }: Pick<CallOptions, 'signal'>,
    task: (call: number) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const call = this.#calls++;
    const abort = (): void => void this.#service.abort(call, toWireError(signal?.reason));
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

function openWorker(): Worker {
  // The ending is that of the built file; bundlers and Vite's dev server find the source by it.
  return new Worker(new URL('../../workers/engine.worker.js', import.meta.url), { type: 'module' });
}
