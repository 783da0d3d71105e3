/**
 * The artist that is our own engine: started by the first task, in this thread or behind a worker's boundary.
 */

import type { DownloadProgress } from '../downloads/progress.ts';
import type { Engine, MemoryReport } from '../engine/engine.ts';
import type { Judgement } from '../engine/verdicts.ts';
import { pictureFromPlanes, type Picture } from '../image/picture.ts';
import type { ModelEntry } from '../models/manifest.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { Generated } from '../pipelines/generate.ts';
import type { RuntimeReport } from '../runtime/report.ts';
import type { PromptDescription } from '../text/prompt/prompt-description.ts';
import type { ReadPromptOptions } from '../text/prompt/read-prompt.ts';
import { abortable } from '../util/abortable.ts';
import type { Artist, ArtistOptions, DrawProgress, DrawTask } from './artist.ts';

/** What is needed of an engine. */
export type DrawingEngine = Pick<
  Engine,
  'openModel' | 'generate' | 'hints' | 'describePrompt' | 'unload' | 'dispose' | 'report'
> & {
  /** Memory of weights now. */
  memory(): MemoryReport | Promise<MemoryReport>;
  /** Which models it can draw with. */
  judge(entries: readonly ModelEntry[]): Judgement | Promise<Judgement>;
};

/** See the file's header. */
export class EngineArtist implements Artist {
  readonly #start: () => Promise<DrawingEngine>;
  readonly #open = new Set<string>();
  readonly #models: readonly ModelEntry[];
  #engine: Promise<DrawingEngine> | undefined;

  /**
   * @param start Starts the engine, when it is first needed and again after a start that failed.
   * @param models The models there are, to name another one where one has no room; default none.
   */
  constructor(start: () => Promise<DrawingEngine>, models: readonly ModelEntry[] = []) {
    this.#start = start;
    this.#models = models;
  }

  async draw(
    entry: ModelEntry,
    { generate, adjuncts }: DrawTask,
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
    await this.#opened(engine, entry, signal, ({ received, total = 0 }) =>
      tell('opening', { loading: { bytesDone: received, bytesTotal: total } }),
    );
    const options = { signal, onProgress, previews, adjuncts };
    const drawn = await engine.generate(entry.id, generate, options);
    for (const warning of drawn.warnings) onWarning?.(warning);
    return picturesOf(drawn);
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
    onDownload?: (progress: DownloadProgress) => void,
  ): Promise<void> {
    await engine.openModel(entry, {
      signal,
      alternatives: this.#models,
      onDownload: (progress) => onDownload?.(progress),
    });
    this.#open.add(entry.id);
  }

  #started(): Promise<DrawingEngine> {
    this.#engine ??= this.#start().catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }
}

function picturesOf({ images }: Generated): Picture[] {
  const [batch = 1, , height = 1, width = 1] = images.dims;
  const each = images.data.length / batch;
  return Array.from({ length: batch }, (_, i) => {
    const planes = images.data.slice(i * each, (i + 1) * each).map((value) => value * 2 - 1);
    return pictureFromPlanes(planes, { width, height });
  });
}
