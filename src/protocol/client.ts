/**
 * The page's side of the boundary: the engine in a worker of its own, with real AbortSignals and errors.
 */

import { proxy, releaseProxy, wrap, type Remote } from 'comlink';

import type { CallOptions, ComponentCall, ComponentSource } from '../engine/component.ts';
import type {
  EngineEnlargeOptions,
  EngineGenerated,
  EngineGenerateOptions,
  EngineOptions,
  MemoryReport,
  ModelFacts,
  OpenModelOptions,
} from '../engine/engine.ts';
import type { Judgement } from '../engine/verdicts.ts';
import type { Picture } from '../image/picture.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { EnlargeRequest } from '../pipelines/enlarge.ts';
import type { GenerateRequest } from '../pipelines/generate.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { PromptDescription } from '../text/prompt/prompt-description.ts';
import type { ReadPromptOptions } from '../text/prompt/read-prompt.ts';
import { absoluteEntry } from './absolute-entry.ts';
import { SentCalls } from './calls.ts';
import { openWorker } from './open-worker.ts';
import type { EngineService } from './service.ts';
import { absoluteWasmPaths } from './wasm-paths.ts';
import { installWire } from './wire.ts';
import { failureOf } from './worker-failure.ts';

installWire();

/** Options of {@link EngineClient.start}; `wasmPaths` are relative to the page. */
export type EngineClientOptions = EngineOptions;

/** An engine in a worker. Dispose it to free the GPU and end the worker. */
export class EngineClient {
  /** What is in use and why. */
  readonly report: RuntimeReport;
  readonly #worker: Worker;
  readonly #service: Remote<EngineService>;
  readonly #calls: SentCalls;

  private constructor(worker: Worker, service: Remote<EngineService>, report: RuntimeReport) {
    this.#worker = worker;
    this.#service = service;
    this.report = report;
    this.#calls = new SentCalls((call, reason) => service.abort(call, reason));
  }

  /** Starts a worker and the engine in it. */
  static async start({ wasmPaths, ...options }: EngineClientOptions = {}): Promise<EngineClient> {
    const worker = openWorker();
    const service = wrap<EngineService>(worker);
    const base = globalThis.location?.href;
    const paths = wasmPaths === undefined ? {} : { wasmPaths: absoluteWasmPaths(wasmPaths, base) };
    try {
      const started = service.start({ ...options, ...paths });
      const report = await Promise.race([started, failureOf(worker)]);
      return new EngineClient(worker, service, report);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Opens a component under `id`; blobs are handed over by reference, not copied. */
  load(id: string, source: ComponentSource, options: CallOptions = {}): Promise<void> {
    return this.#calls.run(options.signal, (call) => this.#service.load(call, id, source));
  }

  /** Evaluates the component `id`; rejects with the signal's own reason when aborted. */
  call(
    id: string,
    request: ComponentCall,
    options: CallOptions = {},
  ): Promise<Record<string, HostTensor>> {
    const { onProgress } = options;
    const listener = onProgress === undefined ? undefined : proxy(onProgress);
    return this.#calls.run(options.signal, (call) =>
      this.#service.call(call, id, request, listener),
    );
  }

  /** Opens the model that an entry of the manifest describes, under its id; addresses are relative to the page. */
  openModel(entry: ModelEntry, options: OpenModelOptions = {}): Promise<ModelFacts> {
    const { onDownload, weightBits, alternatives } = options;
    const listener = onDownload === undefined ? undefined : proxy(onDownload);
    return this.#calls.run(options.signal, (call) =>
      this.#service.openModel(call, absoluteEntry(entry), weightBits, listener, alternatives),
    );
  }

  /** Which models this machine can draw with, and which suits it best; nothing is downloaded for it. */
  judge(entries: readonly ModelEntry[]): Promise<Judgement> {
    return this.#service.judge(entries);
  }

  /** Draws with the model `id`; rejects with the signal's own reason when aborted, within one step. */
  generate(
    id: string,
    request: GenerateRequest,
    { previews, adjuncts, onProgress, signal }: EngineGenerateOptions = {},
  ): Promise<EngineGenerated> {
    const listener = onProgress === undefined ? undefined : proxy(onProgress);
    return this.#calls.run(signal, (call) =>
      this.#service.generate(call, id, request, previews, adjuncts, listener),
    );
  }

  /** Enlarges a picture; rejects with the signal's own reason when aborted, within one tile. */
  enlarge(
    upscaler: AdjunctEntry,
    request: EnlargeRequest,
    { signal, ...listeners }: EngineEnlargeOptions = {},
  ): Promise<Picture> {
    const { onTile, onProgress, onDownload } = listeners;
    return this.#calls.run(signal, (call) =>
      this.#service.enlarge(
        call,
        absoluteEntry(upscaler),
        request,
        onTile && proxy(onTile),
        onProgress && proxy(onProgress),
        onDownload && proxy(onDownload),
      ),
    );
  }

  /** ControlNets' hints, those made that a network makes; see {@link Engine.hints}. */
  hints(
    control: readonly ControlRequest[],
    options: Pick<CallOptions, 'signal'> = {},
  ): Promise<ControlRequest[]> {
    return this.#calls.run(options.signal, (call) => this.#service.hints(call, control));
  }

  /** How a prompt is read, in the tokens of the model that an entry describes, open or not. */
  describePrompt(
    entry: ModelEntry,
    prompt: string,
    options: ReadPromptOptions,
  ): Promise<PromptDescription> {
    return this.#service.describePrompt(absoluteEntry(entry), prompt, options);
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
}
