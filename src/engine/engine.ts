/**
 * The engine: a runtime and the networks loaded into it, by name.
 *
 * It lives where the GPU is used, in a worker or in Node, and takes and gives plain data only, so that the same
 * object is called directly or across a worker's boundary (see protocol/).
 */

import { Annotators } from '../annotators/annotators.ts';
import { EngineError } from '../errors.ts';
import type { Picture } from '../image/picture.ts';
import { FootprintPlanner } from '../models/footprint.ts';
import { bytesOfExported } from '../models/exported/exported-bytes.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { ModelParts } from '../models/model-parts.ts';
import type { OpenPartsOptions } from '../models/open-parts.ts';
import type { EnlargeOptions } from '../models/upscaler.ts';
import {
  generate,
  type Generated,
  type GenerateOptions,
  type GenerateRequest,
} from '../pipelines/generate.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import { enlarge, type EnlargeRequest } from '../pipelines/enlarge.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import { machineOf, type MachineProfile } from '../runtime/machine.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { QuantisableOptions, WeightChoice } from '../runtime/stage.ts';
import { startRuntime, type RuntimeOptions } from '../runtime/start.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { describePrompt, type PromptDescription } from '../text/prompt/prompt-description.ts';
import { readPrompt, type ReadPromptOptions } from '../text/prompt/read-prompt.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import { OpenModels, type Adjuncts } from './adjuncts.ts';
import {
  evaluateComponent,
  openComponent,
  type CallOptions,
  type Component,
  type ComponentCall,
  type ComponentSource,
} from './component.ts';
import { judge, refuseLarge, type Judgement } from './verdicts.ts';

/** Options of {@link Engine.start} that survive a worker's boundary. */
export type EngineOptions = Pick<
  RuntimeOptions,
  | 'backend'
  | 'build'
  | 'setting'
  | 'allowSoftware'
  | 'wasmPaths'
  | 'threads'
  | 'limits'
  | 'powerPreference'
  | 'weightBudget'
  | 'weightBits'
> & {
  /**
   * Memory that models may take, in bytes, and the default of `weightBudget`; without it models are judged by an estimate,
   * see {@link MachineProfile}, and there is no budget.
   */
  readonly memoryBytes?: number | undefined;
};

/** Options of {@link Engine.openModel}. */
export type OpenModelOptions = QuantisableOptions &
  Pick<OpenPartsOptions, 'signal' | 'onDownload'> & {
    /** Models to name where this one has no room; default none. */
    readonly alternatives?: readonly ModelEntry[] | undefined;
  };

/** Options of {@link Engine.generate}. */
export type EngineGenerateOptions = Omit<GenerateOptions, 'controlNets'> & {
  /** What the request names beside the model. */
  readonly adjuncts?: Adjuncts | undefined;
};

/** Options of {@link Engine.enlarge}. */
export type EngineEnlargeOptions = CallOptions &
  Pick<OpenPartsOptions, 'onDownload'> &
  Pick<EnlargeOptions, 'onTile'>;

/** What {@link Engine.generate} gives. */
export type EngineGenerated = Generated & {
  /** What the request named and had no effect, in sentences. */
  readonly warnings: readonly string[];
};

/** What a page may want to know of a model. */
export type ModelFacts = {
  /** Edge in pixels of the pictures it was trained on. */
  readonly nativeSize: number;
};

/** Memory of weights, in bytes. */
export type MemoryReport = {
  readonly residentBytes: number;
  /** Sent to the GPU, or converted for wasm, since the engine started. */
  readonly uploadedBytes: number;
};

/** See the file's header. */
export class Engine {
  readonly #runtime: Runtime;
  readonly #components = new Map<string, Component>();
  readonly #models: OpenModels;
  readonly #annotators: Annotators;
  readonly #drawing = new SerialQueue();
  /** What is in use and why. */
  readonly report: RuntimeReport;
  readonly #planner: FootprintPlanner;
  readonly #weightBits: WeightChoice;

  private constructor(
    runtime: Runtime,
    report: RuntimeReport,
    machine: MachineProfile,
    annotators: Annotators,
    weightBits: WeightChoice,
  ) {
    this.#runtime = runtime;
    this.#annotators = annotators;
    this.#models = new OpenModels(runtime);
    this.report = report;
    this.#planner = new FootprintPlanner(machine);
    this.#weightBits = weightBits;
  }

  /**
   * Starts an engine: on the GPU where it passes the self-check, else on wasm. Weights of large linear layers take 8 or 4 bits
   * where `weightBits` says so; by default where a network has no room otherwise.
   */
  static async start({
    memoryBytes,
    weightBits = 'auto',
    ...options
  }: RuntimeOptions & Pick<EngineOptions, 'memoryBytes'> = {}): Promise<Engine> {
    const { weightBudget = memoryBytes } = options;
    const { runtime, report } = await startRuntime({ ...options, weightBudget, weightBits });
    const hints = { memoryBytes, deviceMemory: deviceMemory() };
    const machine = machineOf(report, runtime.canQuantise, hints);
    return new Engine(runtime, report, machine, new Annotators(options), weightBits);
  }

  /** Opens a component under `id`; its weights are loaded by the first call that needs them. */
  async load(id: string, source: ComponentSource, { signal }: CallOptions = {}): Promise<void> {
    if (this.#components.has(id)) {
      throw new EngineError(
        'invalid-argument',
        `a component ${id} is loaded already; unload it first`,
      );
    }
    this.#components.set(id, await openComponent(this.#runtime, id, source, signal));
  }

  /** Evaluates the component `id`; outputs by name, pictures as [B, C, H, W]. */
  async call(
    id: string,
    call: ComponentCall,
    options: CallOptions = {},
  ): Promise<Record<string, HostTensor>> {
    const loaded = this.#components.get(id);
    if (loaded === undefined) {
      const known = [...this.#components.keys()].join(', ') || 'none';
      throw new EngineError(
        'invalid-argument',
        `no component ${id} is loaded; loaded are: ${known}`,
      );
    }
    if (loaded.kind !== call.kind) {
      throw new EngineError(
        'invalid-argument',
        `the component ${id} is a ${loaded.kind}, not a ${call.kind}`,
      );
    }
    const outputs = await evaluateComponent(loaded, call, options);
    return outputs as Record<string, HostTensor>;
  }

  /** Which models this machine can draw with, and which suits it best; nothing is downloaded for it. */
  judge(entries: readonly ModelEntry[]): Judgement {
    return judge(entries, this.#planner);
  }

  /**
   * Opens the model that an entry of the manifest describes, under its id; see {@link partsOf}.
   *
   * @throws EngineError `out-of-memory` where the machine has no room for it: before anything is downloaded, unless it is made of
   *   graphs that somebody else exported and the entry does not tell their bytes.
   */
  async openModel(
    entry: ModelEntry,
    { alternatives = [], ...options }: OpenModelOptions = {},
  ): Promise<ModelFacts> {
    const judged = this.#bitsFor(entry, alternatives);
    const { weightBits = judged } = options;
    const accept = (parts: ModelParts): void => {
      // Where the entry does not say it, the files tell what somebody else's graphs need.
      const exportedBytes = entry.exportedBytes ?? bytesOfExported(parts);
      if (exportedBytes !== undefined)
        refuseLarge({ ...entry, exportedBytes }, alternatives, this.#planner, true);
    };
    const { nativeSize } = await this.#models.open(entry, { ...options, weightBits, accept });
    return { nativeSize };
  }

  /** The bits that the verdict on a model counts on, where nobody chose any; undefined leaves it to the runtime. */
  #bitsFor(entry: ModelEntry, alternatives: readonly ModelEntry[]): WeightChoice | undefined {
    if (this.#models.isOpen(entry.id)) return undefined;
    const { weightBits } = refuseLarge(entry, alternatives, this.#planner);
    return this.#weightBits === 'auto' && weightBits !== 16 ? weightBits : undefined;
  }

  /**
   * Draws with the open model `id` and what the request names beside it; see {@link generate}. One picture at a time: later
   * calls wait.
   */
  generate(
    id: string,
    request: GenerateRequest,
    { adjuncts = {}, ...options }: EngineGenerateOptions = {},
  ): Promise<EngineGenerated> {
    const { signal } = options;
    return this.#drawing.run(async () => {
      const { model, warnings } = await this.#models.model(id, adjuncts, { signal });
      const { embeddings: words = [], controlNets: nets = [] } = adjuncts;
      const controlNets = await this.#models.controlNets(nets, { signal });
      const embeddings = await this.#models.embeddings(words, { signal });
      const { control = [] } = request;
      const hints = await this.#annotators.hintsOf(control, signal);
      const all = { ...request, control: hints, ...(words.length === 0 ? {} : { embeddings }) };
      return { ...(await generate(model, all, { ...options, controlNets })), warnings };
    }, signal);
  }

  /**
   * Enlarges a picture by the upscaler that an entry describes, whose file is downloaded first unless it is here. One picture
   * at a time, and none while one is drawn; see {@link enlarge}.
   */
  enlarge(
    upscaler: AdjunctEntry,
    request: EnlargeRequest,
    { onDownload, ...options }: EngineEnlargeOptions = {},
  ): Promise<Picture> {
    const { signal } = options;
    return this.#drawing.run(async () => {
      const opened = await this.#models.upscaler(upscaler, { signal, onDownload });
      return enlarge(opened, request, options);
    }, signal);
  }

  /** ControlNets' hints, those made that a network makes, whose files are downloaded; while nothing is drawn. */
  hints(
    control: readonly ControlRequest[],
    { signal }: Pick<CallOptions, 'signal'> = {},
  ): Promise<ControlRequest[]> {
    return this.#drawing.run(() => this.#annotators.hintsOf(control, signal), signal);
  }

  /**
   * How a prompt is read, in the tokens of the model that an entry describes. The model need not be open, nothing is
   * downloaded, and it does not wait for what is being drawn.
   *
   * @throws EngineError as {@link readPrompt}.
   */
  async describePrompt(
    entry: ModelEntry,
    prompt: string,
    options: ReadPromptOptions,
  ): Promise<PromptDescription> {
    return describePrompt(readPrompt(prompt, options), await this.#models.tokenizer(entry));
  }

  /** Frees everything that the component or model holds. */
  async unload(id: string): Promise<void> {
    const loaded = this.#components.get(id);
    this.#components.delete(id);
    await this.#models.close(id);
    if (loaded !== undefined) await this.#runtime.releaseCheckpoint(loaded.checkpoint.id);
  }

  /** Memory of weights now. */
  memory(): MemoryReport {
    const { residentBytes, uploadedBytes } = this.#runtime.backend;
    return { residentBytes, uploadedBytes };
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    this.#components.clear();
    this.#models.clear();
    await this.#runtime.dispose();
  }
}

/** GiB of main memory where the browser says so; see {@link MemoryHints}. */
function deviceMemory(): number | undefined {
  if (typeof navigator === 'undefined') return undefined;
  return (navigator as Navigator & { readonly deviceMemory?: number }).deviceMemory;
}
