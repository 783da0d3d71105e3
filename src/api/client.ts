/**
 * The API on a page: bodies as they would be sent to the cloud go in, the same replies come out, drawn by this machine.
 *
 * The engine starts with the first call, in a worker of its own, and a model is opened by the first request that needs it.
 * Jobs and pictures are kept in the browser's own storage.
 */

import type { Judgement } from '../engine/verdicts.ts';
import type { MemoryReport } from '../engine/engine.ts';
import { browserStorage } from '../jobs/indexed-db-storage.ts';
import { JobQueue } from '../jobs/job-queue.ts';
import { memoryStorage } from '../jobs/memory-storage.ts';
import type { JobStorage } from '../jobs/storage.ts';
import { tabPresence } from '../jobs/tab-presence.ts';
import {
  shippedManifest,
  type AdjunctEntry,
  type Manifest,
  type ModelEntry,
} from '../models/manifest.ts';
import { EngineClient, type EngineClientOptions } from '../protocol/client.ts';
import { FilesClient } from '../protocol/files-client.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { PromptDescription } from '../text/prompt/prompt-description.ts';
import { answerCall } from './answer.ts';
import type { ArtistOptions, DrawProgress } from './artist.ts';
import { hintFiles, hintKinds, type HintKind } from './control-hints.ts';
import { chooseModel } from './choose-model.ts';
import { apiContext, type ApiContext, type ApiOptions } from './context.ts';
import { EngineArtist, type DrawingEngine } from './engine-artist.ts';
import { createHandler } from './handler.ts';
import { prepareGeneration } from './generation.ts';
import type { Handle } from './http/cors.ts';
import { browserRecords } from './library/entry-records.ts';
import { Library, type LibraryOptions } from './library/library.ts';
import { ModelRegistry } from './model-registry.ts';
import { publishedLinks } from './outputs.ts';
import type { ErrorBody, FailedBody, SuccessBody } from './response.ts';
import type { EndpointName } from './routes.ts';

/** What both ways to a {@link Client} take. */
export type ClientSettings = Pick<ApiOptions, 'settings' | 'upstreams'> & {
  /** Id of the model for requests that name one that is not here; default: what the manifest says. */
  readonly anyModel?: string;
  /** Where jobs and pictures are kept; default of {@link createClient}: the browser's IndexedDB, else memory. */
  readonly storage?: JobStorage;
  /** Addresses of pictures; default: object URLs, which are the caller's to revoke. */
  readonly links?: ApiOptions['links'];
  /** Starts what knows the files of entries; default of {@link createClient}: a worker of its own. */
  readonly files?: LibraryOptions['files'];
  /** Where added entries are written down; default of {@link createClient}: the browser's IndexedDB. */
  readonly records?: LibraryOptions['records'];
};

/** Options of {@link createClient}: those of the engine, and the list of models. */
export type ClientOptions = EngineClientOptions &
  ClientSettings & {
    /** The models to answer with; default the list that ships with the package. */
    readonly manifest?: Manifest;
    /** More options of the engine, asked for whenever it starts; default none. See {@link Client.restart}. */
    readonly atStart?: () => EngineClientOptions;
  };

/** How far a request is: before it draws, the engine is started and the model opened. */
export type ClientProgress = DrawProgress;

/** Options of a request. */
export type RequestCallOptions = {
  /** Aborts within a step; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ClientProgress) => void) | undefined;
  /** Whether progress carries small pictures of what is coming; default no. */
  readonly previews?: boolean | undefined;
};

/** Options of {@link Client.describePrompt}. */
export type DescribeOptions = {
  /** Steps that the prompt may be edited over; default 1. */
  readonly steps?: number;
  /** Whether it is the negative prompt, in which AND is a word; default no. */
  readonly isNegative?: boolean;
};

/** A reply: the pictures' addresses, or what was wrong. */
export type Reply = SuccessBody | ErrorBody | FailedBody;

/** Keeps a picture's file and gives the address for the reply. */
export type Publish = (file: Uint8Array<ArrayBuffer>, name: string) => Promise<string>;

/** Where the direct calls seem to come from. */
const ORIGIN = globalThis.location?.origin ?? 'http://localhost';

/** See the file's header; made by {@link createClient}. */
export class Client {
  /** The models and what goes with them: added, downloaded, removed. */
  readonly library: Library;
  /** Id of the model that answers requests that name none. */
  readonly defaultModel: string;
  /** The kinds of hints for ControlNets that can be made of a picture. */
  readonly hintKinds: readonly HintKind[];
  readonly #models: ModelRegistry;
  readonly #artist: EngineArtist;
  readonly #context: ApiContext;
  readonly #handle: Handle;

  /**
   * @param start Starts the engine, when it is first needed and again after a start that failed.
   * @param publish Keeps a picture's file and gives the address for the reply, where the settings name no links.
   */
  constructor(
    start: () => Promise<DrawingEngine>,
    manifest: Manifest,
    publish?: Publish,
    {
      anyModel,
      storage = memoryStorage(),
      links,
      settings = {},
      upstreams = [],
      files,
      records,
    }: ClientSettings = {},
  ) {
    this.defaultModel = manifest.default;
    this.#models = new ModelRegistry(manifest.models, {
      defaultModel: manifest.default,
      anyModel: anyModel ?? manifest['*'] ?? null,
      adjunctEntries: manifest.adjuncts ?? [],
    });
    this.library = new Library({
      manifest,
      models: this.#models,
      files,
      records,
      close: (id) => this.#artist.close(id),
    });
    this.#artist = new EngineArtist(start, manifest.models, (wanted, options) =>
      this.library.prepare(wanted, options),
    );
    this.hintKinds = hintKinds(this.adjuncts);
    const presence = tabPresence();
    const queue = new JobQueue({ storage, ...(presence === undefined ? {} : { presence }) });
    const publishFile =
      publish &&
      (async (file: Blob, name: string) => publish(new Uint8Array(await file.arrayBuffer()), name));
    this.#context = apiContext({
      artist: this.#artist,
      models: this.#models,
      library: this.library,
      queue,
      links: links ?? publishedLinks((name) => queue.file(name), publishFile),
      settings,
      upstreams,
    });
    this.#handle = createHandler(this.#context);
  }

  /** The models that requests can name. */
  get models(): readonly ModelEntry[] {
    return this.#models.entries;
  }

  /** What else requests can name: LoRAs, embeddings, autoencoders, ControlNets. */
  get adjuncts(): readonly AdjunctEntry[] {
    return this.#models.adjunctEntries;
  }

  /**
   * Answers an HTTP request to the API, as `fetch` would: any of its paths, such as `/api/v6/images/text2img`, at any
   * host. Nothing is sent anywhere. Never rejects but for a request that cannot be made.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request =
      input instanceof Request ? input : new Request(new URL(input, ORIGIN), init ?? {});
    return this.#handle(request);
  }

  /** Answers the body of a text2img request (`v4/dreambooth`). Never throws but for an abort. */
  textToImage(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('text2img', body, options);
  }

  /** Answers the body of an img2img request (`v4/dreambooth/img2img`), whose images may also be Blobs. */
  imageToImage(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('img2img', body, options);
  }

  /** Answers the body of an inpaint request (`v4/dreambooth/inpaint`), whose images may also be Blobs. */
  inpaint(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('inpaint', body, options);
  }

  /** Answers the body of a ControlNet request (`v5/controlnet`), whose images may also be Blobs. */
  controlnet(body: unknown, options: RequestCallOptions = {}): Promise<Reply> {
    return this.#answer('controlnet', body, options);
  }

  /**
   * How a prompt is read, in the tokens of a model: its pieces with their weights, and when they hold. Starts the engine if
   * need be; opens and downloads nothing.
   *
   * @param model Id or alias of the model; null: the default one.
   * @throws EngineError `invalid-argument` for a model that is not here, and for a prompt that cannot be read; then `detail`
   *   has `start` and `end`, the position in UTF-16 code units.
   */
  async describePrompt(
    model: string | null,
    prompt: string,
    { steps = 1, isNegative = false }: DescribeOptions = {},
  ): Promise<PromptDescription> {
    const { entry } = chooseModel(model, this.#context.models);
    return this.#artist.describePrompt(entry, prompt, { steps, composes: !isNegative });
  }

  /**
   * What the ControlNets of a request would be shown: its body as for {@link Client.controlnet} gives one PNG file for each
   * net, in the size that is drawn. Sent as `control_image` in that size, a hint is shown to the net as it is. The engine is
   * started, and a network downloaded, for kinds alone that a network makes.
   *
   * @throws EngineError about what is wrong with the body, in `detail.fields` by field.
   */
  async hints(body: unknown, { signal }: Pick<RequestCallOptions, 'signal'> = {}): Promise<Blob[]> {
    const { task } = await prepareGeneration(
      'controlnet',
      { body, version: 'v4', signal },
      this.#context,
    );
    return hintFiles(await this.#artist.hints(task.generate.control ?? [], { signal }));
  }

  /** What draws and why; starts the engine if need be. */
  report(): Promise<RuntimeReport> {
    return this.#artist.report();
  }

  /**
   * Which models this machine can draw with, how fast, and which suits it best; starts the engine if need be, and downloads
   * nothing of a model.
   *
   * @param entries default the models of the manifest.
   */
  judge(entries: readonly ModelEntry[] = this.models): Promise<Judgement> {
    return this.#artist.judge(entries);
  }

  /** Memory of weights now; starts the engine if need be. */
  memory(): Promise<MemoryReport> {
    return this.#artist.memory();
  }

  /** Ends the engine, and with it what is being drawn; the next call starts it anew. Downloads go on. */
  async restart(): Promise<void> {
    await this.#artist.restart();
  }

  /** Cancels what is being drawn, frees everything and ends the worker. A later call starts afresh. */
  async dispose(): Promise<void> {
    await this.#context.queue.clear();
    await this.library.dispose();
    await this.#artist.restart();
  }

  async #answer(name: EndpointName, body: unknown, options: ArtistOptions): Promise<Reply> {
    const call = {
      version: 'v4',
      body,
      origin: ORIGIN,
      waitSeconds: Infinity,
      ...options,
    } as const;
    return (await answerCall(name, call, this.#context)) as Reply;
  }
}

/** A client that draws in a worker. Costs nothing until it is asked for a picture. */
export function createClient({
  manifest = shippedManifest(),
  anyModel,
  storage = browserStorage(),
  links,
  settings = {},
  upstreams = [],
  files = () => FilesClient.start(),
  records = browserRecords(),
  atStart = () => ({}),
  ...options
}: ClientOptions = {}): Client {
  return new Client(() => EngineClient.start({ ...options, ...atStart() }), manifest, undefined, {
    storage,
    settings,
    upstreams,
    files,
    records,
    ...(anyModel === undefined ? {} : { anyModel }),
    ...(links === undefined ? {} : { links }),
  });
}
