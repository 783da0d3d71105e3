/**
 * The API on a page: bodies as they would be sent to the cloud go in, the same replies come out, drawn by this machine.
 *
 * The engine starts with the first call, in a worker of its own, and a model is opened by the first request that needs it.
 */

import type { Engine, MemoryReport } from '../engine/engine.ts';
import { shippedManifest, type Manifest, type ModelEntry } from '../models/manifest.ts';
import type { GenerateProgress } from '../pipelines/progress.ts';
import { EngineClient, type EngineClientOptions } from '../protocol/client.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import { draw, type DrawOptions, type ServedModel } from './draw.ts';
import type { ErrorBody, SuccessBody } from './response.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** What the client needs of an engine: here, or behind a worker's boundary. */
export type DrawingEngine = Pick<
  Engine,
  'openModel' | 'generate' | 'unload' | 'dispose' | 'report'
> & {
  /** Memory of weights now. */
  memory(): MemoryReport | Promise<MemoryReport>;
};

/** Options of {@link createClient}: those of the engine, and the list of models. */
export type ClientOptions = EngineClientOptions & {
  /** The models to answer with; default the list that ships with the package. */
  readonly manifest?: Manifest;
};

/** How far a request is: before it draws, the engine is started and the model opened. */
export type ClientProgress = Omit<GenerateProgress, 'phase'> & {
  readonly phase: 'starting' | 'opening' | GenerateProgress['phase'];
};

/** Options of a request. */
export type RequestCallOptions = {
  /** Aborts within a step; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ClientProgress) => void) | undefined;
  /** Whether progress carries small pictures of what is coming; default no. */
  readonly previews?: boolean | undefined;
};

/** A reply: the pictures' addresses, or what was wrong. */
export type Reply = SuccessBody | ErrorBody;

type Publish = DrawOptions['publish'];

/** See the file's header; made by {@link createClient}. */
export class Client {
  /** The models that requests can name. */
  readonly models: readonly ModelEntry[];
  /** Id of the model that answers requests that name none. */
  readonly defaultModel: string;
  readonly #start: () => Promise<DrawingEngine>;
  readonly #publish: Publish;
  #engine: Promise<DrawingEngine> | undefined;
  #requests = 0;

  /**
   * @param start Starts the engine, when it is first needed and again after a start that failed.
   * @param publish Keeps a picture's file and gives the address for the reply; default an object URL, which is the caller's
   *   to revoke.
   */
  constructor(
    start: () => Promise<DrawingEngine>,
    manifest: Manifest,
    publish: Publish = objectUrl,
  ) {
    this.#start = start;
    this.#publish = publish;
    this.models = manifest.models;
    this.defaultModel = manifest.default;
  }

  /** Answers the body of a text2img request (`v4/dreambooth`). Never throws but for an abort. */
  textToImage(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('text2img', body, options);
  }

  /** Answers the body of an img2img request (`v4/dreambooth/img2img`), whose init_image may also be a Blob. */
  imageToImage(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('img2img', body, options);
  }

  /** What draws and why; starts the engine if need be. */
  async report(): Promise<RuntimeReport> {
    return (await this.#started()).report;
  }

  /** Memory of weights now; starts the engine if need be. */
  async memory(): Promise<MemoryReport> {
    return (await this.#started()).memory();
  }

  /** Frees everything and ends the worker. A later call starts afresh. */
  async dispose(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await (await engine?.catch(() => undefined))?.dispose();
  }

  #answer(
    operation: GenerationRequest['operation'],
    body: unknown,
    { signal, onProgress, previews }: RequestCallOptions,
  ): Promise<Reply> {
    const first = this.models.filter(({ id }) => id === this.defaultModel);
    const others = this.models.filter(({ id }) => id !== this.defaultModel);
    const served = [...first, ...others].map((entry) => this.#served(entry, onProgress));
    return draw(body, {
      operation,
      models: served as [ServedModel, ...ServedModel[]],
      id: ++this.#requests,
      publish: this.#publish,
      signal,
      onProgress,
      previews,
    });
  }

  #served(entry: ModelEntry, onProgress: RequestCallOptions['onProgress']): ServedModel {
    const { id, nativeSize, isNativeOnly = false } = entry;
    const tell = (phase: 'starting' | 'opening', steps: number): void =>
      onProgress?.({ phase, progress: 0, step: 0, steps, secondsLeft: undefined });
    return {
      id,
      nativeSize,
      isNativeOnly,
      generate: async (request, options) => {
        const { signal } = options;
        tell('starting', request.steps);
        const engine = await abortable(this.#started(), signal);
        tell('opening', request.steps);
        await engine.openModel(entry, { signal });
        return engine.generate(id, request, options);
      },
    };
  }

  #started(): Promise<DrawingEngine> {
    this.#engine ??= this.#start().catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }
}

/** A client that draws in a worker. Costs nothing until it is asked for a picture. */
export function createClient({
  manifest = shippedManifest(),
  ...options
}: ClientOptions = {}): Client {
  return new Client(() => EngineClient.start(options), manifest);
}

function objectUrl(png: Uint8Array<ArrayBuffer>): Promise<string> {
  return Promise.resolve(URL.createObjectURL(new Blob([png], { type: 'image/png' })));
}

/** The engine goes on starting for the next request, but this one need not wait for it. */
function abortable<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return task;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    task.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
