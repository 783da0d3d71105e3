/**
 * The worker's side of the boundary: one engine, calls by id so that they can be aborted.
 */

import { proxy } from 'comlink';

import type { ComponentCall, ComponentSource } from '../engine/component.ts';
import {
  Engine,
  type EngineEnlargeOptions,
  type EngineGenerated,
  type EngineOptions,
  type MemoryReport,
  type ModelFacts,
  type OpenModelOptions,
} from '../engine/engine.ts';
import type { Adjuncts } from '../engine/adjuncts.ts';
import type { Judgement } from '../engine/verdicts.ts';
import { EngineError } from '../errors.ts';
import type { Picture } from '../image/picture.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { EnlargeRequest } from '../pipelines/enlarge.ts';
import type { GenerateOptions, GenerateRequest } from '../pipelines/generate.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { PromptDescription } from '../text/prompt/prompt-description.ts';
import type { ReadPromptOptions } from '../text/prompt/read-prompt.ts';
import { ReceivedCalls } from './calls.ts';
import { FilesService } from './files-service.ts';
import type { WireError } from './wire.ts';

/** Told of the bytes of weights loaded. */
export type ProgressListener = (bytesDone: number, bytesTotal: number) => void;

/** The calls a page makes; `call` is an id of its choosing under which `abort` finds the call. */
export class EngineService {
  #engine: Promise<Engine> | undefined;
  readonly #calls = new ReceivedCalls();
  /** The files of entries; they need no engine. */
  readonly files = proxy(new FilesService());

  /** Starts the engine; once. */
  async start(options: EngineOptions): Promise<RuntimeReport> {
    this.#engine ??= Engine.start(options);
    return (await this.#engine).report;
  }

  /** See {@link Engine.load}. */
  load(call: number, id: string, source: ComponentSource): Promise<void> {
    return this.#run(call, (engine, signal) => engine.load(id, source, { signal }));
  }

  /** See {@link Engine.call}. */
  call(
    call: number,
    id: string,
    request: ComponentCall,
    onProgress?: ProgressListener,
  ): Promise<Record<string, HostTensor>> {
    return this.#run(call, (engine, signal) => engine.call(id, request, { signal, onProgress }));
  }

  /** See {@link Engine.openModel}. */
  openModel(
    call: number,
    entry: ModelEntry,
    weightBits?: OpenModelOptions['weightBits'],
    onDownload?: OpenModelOptions['onDownload'],
    alternatives?: OpenModelOptions['alternatives'],
  ): Promise<ModelFacts> {
    return this.#run(call, (engine, signal) =>
      engine.openModel(entry, { signal, weightBits, onDownload, alternatives }),
    );
  }

  /** See {@link Engine.judge}. */
  async judge(entries: readonly ModelEntry[]): Promise<Judgement> {
    return (await this.#started()).judge(entries);
  }

  /** See {@link Engine.generate}. */
  generate(
    call: number,
    id: string,
    request: GenerateRequest,
    previews?: boolean,
    adjuncts?: Adjuncts,
    onProgress?: GenerateOptions['onProgress'],
  ): Promise<EngineGenerated> {
    return this.#run(call, (engine, signal) =>
      engine.generate(id, request, { signal, previews, adjuncts, onProgress }),
    );
  }

  /** See {@link Engine.enlarge}. */
  enlarge(
    call: number,
    upscaler: AdjunctEntry,
    request: EnlargeRequest,
    onTile?: EngineEnlargeOptions['onTile'],
    onProgress?: ProgressListener,
    onDownload?: EngineEnlargeOptions['onDownload'],
  ): Promise<Picture> {
    return this.#run(call, (engine, signal) =>
      engine.enlarge(upscaler, request, { signal, onTile, onProgress, onDownload }),
    );
  }

  /** See {@link Engine.hints}. */
  hints(call: number, control: readonly ControlRequest[]): Promise<ControlRequest[]> {
    return this.#run(call, (engine, signal) => engine.hints(control, { signal }));
  }

  /** See {@link Engine.describePrompt}. */
  async describePrompt(
    entry: ModelEntry,
    prompt: string,
    options: ReadPromptOptions,
  ): Promise<PromptDescription> {
    return (await this.#started()).describePrompt(entry, prompt, options);
  }

  /** See {@link Engine.unload}. */
  async unload(id: string): Promise<void> {
    await (await this.#started()).unload(id);
  }

  /** See {@link Engine.memory}. */
  async memory(): Promise<MemoryReport> {
    return (await this.#started()).memory();
  }

  /** Aborts a running call; it rejects with this reason. */
  abort(call: number, reason: WireError): void {
    this.#calls.abort(call, reason);
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    await (await this.#engine)?.dispose();
  }

  #run<T>(call: number, task: (engine: Engine, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#calls.run(call, async (signal) => task(await this.#started(), signal));
  }

  #started(): Promise<Engine> {
    if (this.#engine === undefined)
      throw new EngineError('invalid-argument', 'the engine is not started');
    return this.#engine;
  }
}
