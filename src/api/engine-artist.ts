/**
 * The artist that is our own engine: started by the first task, in this thread or behind a worker's boundary.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { Adjuncts } from '../engine/adjuncts.ts';
import type { Engine, MemoryReport } from '../engine/engine.ts';
import type { EntryOptions } from '../engine/entry-files.ts';
import type { Judgement } from '../engine/verdicts.ts';
import { pictureFromPlanes, type Picture } from '../image/picture.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { KindedEntry } from '../models/open-entry.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { Generated } from '../pipelines/generate.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { PromptDescription } from '../text/prompt/prompt-description.ts';
import type { ReadPromptOptions } from '../text/prompt/read-prompt.ts';
import { abortable } from '../util/abortable.ts';
import type { Artist, ArtistOptions, DrawProgress, DrawTask, EnlargeTask } from './artist.ts';

/** What is needed of an engine. */
export type DrawingEngine = Pick<
  Engine,
  | 'openModel'
  | 'generate'
  | 'enlarge'
  | 'hints'
  | 'describePrompt'
  | 'unload'
  | 'dispose'
  | 'report'
> & {
  /** Memory of weights now. */
  memory(): MemoryReport | Promise<MemoryReport>;
  /** Which models it can draw with. */
  judge(entries: readonly ModelEntry[]): Judgement | Promise<Judgement>;
};

/** Gives an entry as the engine can open it, with its files on this machine. */
export type Prepare = <T extends KindedEntry>(
  wanted: T,
  options: EntryOptions,
) => Promise<T['entry']>;

type AdjunctOfKind = Exclude<KindedEntry, { readonly kind: 'model' }>;

/** Bytes that have come, of how many. */
type Received = { readonly received: number; readonly total?: number | undefined };

/** See the file's header. */
export class EngineArtist implements Artist {
  readonly #start: () => Promise<DrawingEngine>;
  readonly #prepare: Prepare;
  readonly #open = new Set<string>();
  readonly #models: readonly ModelEntry[];
  #engine: Promise<DrawingEngine> | undefined;

  /**
   * @param start Starts the engine, when it is first needed and again after a start that failed.
   * @param models The models there are, to name another one where one has no room; default none.
   * @param prepare Gets an entry's files ready before the engine opens it; default: the engine gets them itself.
   */
  constructor(
    start: () => Promise<DrawingEngine>,
    models: readonly ModelEntry[] = [],
    prepare: Prepare = async ({ entry }) => entry,
  ) {
    this.#start = start;
    this.#models = models;
    this.#prepare = prepare;
  }

  async draw(
    entry: ModelEntry,
    { generate, adjuncts, upscaler }: DrawTask,
    { signal, onProgress, onWarning, previews }: ArtistOptions,
  ): Promise<readonly Picture[]> {
    const tell = (phase: DrawProgress['phase'], more: Partial<DrawProgress> = {}): void =>
      onProgress?.({
        phase,
        progress: 0,
        step: 0,
        steps: generate.steps,
        secondsLeft: undefined,
        ...more,
      });
    tell('starting');
    // The engine goes on starting for the next request.
    const engine = await abortable(this.#started(), signal);
    tell('opening');
    const onReceived = ({ received, total = 0 }: Received): void =>
      tell('opening', { loading: { bytesDone: received, bytesTotal: total } });
    await this.#opened(engine, entry, signal, onReceived);
    const files = { signal, onProgress: onReceived };
    const prepared = await preparedAdjuncts(adjuncts, (wanted) => this.#prepare(wanted, files));
    if (upscaler !== undefined) {
      const wanted = { kind: 'upscaler', entry: upscaler } as const;
      await toldOfUpscaler(upscaler, () => this.#prepare(wanted, files));
    }
    const options = { signal, onProgress, previews, adjuncts: prepared };
    const drawn = await engine.generate(entry.id, generate, options);
    for (const warning of drawn.warnings) onWarning?.(warning);
    return picturesOf(drawn);
  }

  async enlarge(
    { picture, scale, upscaler, entry }: EnlargeTask,
    { signal, onProgress }: ArtistOptions,
  ): Promise<Picture> {
    if (entry === undefined) {
      throw new EngineError('invalid-argument', `there is no upscaler ${upscaler} to open`);
    }
    let last: DrawProgress = {
      phase: 'starting',
      progress: 0,
      step: 0,
      steps: 0,
      secondsLeft: undefined,
    };
    const tell = (news: Partial<DrawProgress>): void => {
      last = { ...last, ...news };
      onProgress?.(last);
    };
    tell({});
    const engine = await abortable(this.#started(), signal);
    tell({ phase: 'opening' });
    const onDownload = ({ received, total = 0 }: Received): void =>
      tell({ loading: { bytesDone: received, bytesTotal: total } });
    const clock = tileClock();
    const onTile = (step: number, steps: number): void => {
      const { loading: _, ...rest } = last;
      last = rest;
      tell({
        phase: 'enlarging',
        progress: step / steps,
        step,
        steps,
        secondsLeft: clock(step, steps),
      });
    };
    return toldOfUpscaler(entry, async () => {
      const files = { signal, onProgress: onDownload };
      const ready = await this.#prepare({ kind: 'upscaler', entry }, files);
      const onLoad = (bytesDone: number, bytesTotal: number): void =>
        tell({ loading: { bytesDone, bytesTotal } });
      const options = { signal, onDownload, onProgress: onLoad, onTile };
      return engine.enlarge(ready, { picture, scale }, options);
    });
  }

  async open(entry: ModelEntry, { signal }: Pick<ArtistOptions, 'signal'>): Promise<void> {
    await this.#opened(await abortable(this.#started(), signal), entry, signal);
  }

  async clear(): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    if (engine === undefined) return;
    for (const id of this.#open) await engine.unload(id);
    this.#open.clear();
  }

  async restart(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    this.#open.clear();
    await (await engine?.catch(() => undefined))?.dispose();
  }

  /** Hints with those made that a network makes; starts the engine where there are such. */
  async hints(
    control: readonly ControlRequest[],
    { signal }: Pick<ArtistOptions, 'signal'>,
  ): Promise<readonly ControlRequest[]> {
    if (control.every(({ annotation }) => annotation === undefined)) return control;
    const engine = await abortable(this.#started(), signal);
    return engine.hints(control, { signal });
  }

  /** Frees what the engine holds of the model, or the thing beside models, with that id. */
  async close(id: string): Promise<void> {
    this.#open.delete(id);
    await (await this.#engine?.catch(() => undefined))?.unload(id);
  }

  /** How a prompt is read, in the tokens of a model; starts the engine if need be, and opens no model. */
  async describePrompt(
    entry: ModelEntry,
    prompt: string,
    options: ReadPromptOptions,
  ): Promise<PromptDescription> {
    return (await this.#started()).describePrompt(entry, prompt, options);
  }

  /** What draws and why; starts the engine if need be. */
  async report(): Promise<RuntimeReport> {
    return (await this.#started()).report;
  }

  /** Which models this machine can draw with; starts the engine if need be. */
  async judge(entries: readonly ModelEntry[]): Promise<Judgement> {
    return (await this.#started()).judge(entries);
  }

  /** Memory of weights now; starts the engine if need be. */
  async memory(): Promise<MemoryReport> {
    return (await this.#started()).memory();
  }

  async #opened(
    engine: DrawingEngine,
    entry: ModelEntry,
    signal: ArtistOptions['signal'],
    onReceived?: (progress: Received) => void,
  ): Promise<void> {
    await engine.openModel(await this.#ready(engine, entry, signal, onReceived), {
      signal,
      alternatives: this.#models,
      onDownload: (progress) => onReceived?.(progress),
    });
    this.#open.add(entry.id);
  }

  /** The entry with its files; what has no room is left to the engine, which refuses it before anything of it comes. */
  async #ready(
    engine: DrawingEngine,
    entry: ModelEntry,
    signal: ArtistOptions['signal'],
    onProgress?: (progress: Received) => void,
  ): Promise<ModelEntry> {
    if (this.#open.has(entry.id)) return entry;
    if (entry.source.kind === 'hub' || entry.source.kind === 'file') {
      const { verdicts } = await engine.judge([entry]);
      if (verdicts[0]?.state === 'no') return entry;
    }
    return this.#prepare({ kind: 'model', entry }, { signal, onProgress });
  }

  #started(): Promise<DrawingEngine> {
    this.#engine ??= this.#start().catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }
}

/** Tells seconds left from the tiles done so far; the first one also loads the weights, so it is not counted. */
function tileClock(): (done: number, of: number) => number | undefined {
  let began = 0;
  return (done, of) => {
    if (done > 1) return ((performance.now() - began) / 1000 / (done - 1)) * (of - done);
    began = performance.now();
    return undefined;
  };
}

/** Does what may download an upscaler; a failure says that it is the upscaler that is missing. */
async function toldOfUpscaler<T>({ id }: AdjunctEntry, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!isEngineError(error) || error.code !== 'download-failed') throw error;
    throw new EngineError(
      error.code,
      `pictures are enlarged by the upscaler ${id}, which is not on this machine and could not be downloaded: ${error.message}`,
      { detail: { ...error.detail, upscaler: id }, cause: error },
    );
  }
}

async function preparedAdjuncts(
  { loras = [], embeddings = [], controlNets = [], vae, ...rest }: Adjuncts,
  prepare: (wanted: AdjunctOfKind) => Promise<AdjunctEntry>,
): Promise<Adjuncts> {
  const ready = (entry: AdjunctEntry): Promise<AdjunctEntry> =>
    prepare({ kind: entry.kind, entry });
  return {
    ...rest,
    loras: await Promise.all(
      loras.map(async (lora) => ({ ...lora, entry: await ready(lora.entry) })),
    ),
    embeddings: await Promise.all(embeddings.map(ready)),
    controlNets: await Promise.all(controlNets.map(ready)),
    ...(vae === undefined ? {} : { vae: await ready(vae) }),
  };
}

function picturesOf({ images }: Generated): Picture[] {
  const [batch = 1, , height = 1, width = 1] = images.dims;
  const each = images.data.length / batch;
  return Array.from({ length: batch }, (_, i) => {
    const planes = images.data.slice(i * each, (i + 1) * each).map((value) => value * 2 - 1);
    return pictureFromPlanes(planes, { width, height });
  });
}
