/**
 * Which model answers to a name, and which other names requests may use.
 */

import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';

/** Things beside models that requests name. */
export type AdjunctKind =
  'lora' | 'embedding' | 'vae' | 'controlnet' | 'ip-adapter' | 'upscaler' | 'annotator';

/** Options of a {@link ModelRegistry}. */
export type ModelRegistryOptions = {
  /** Id of the model for requests that name none; null: such requests are refused. */
  readonly defaultModel: string | null;
  /** Id of the model for requests that name one that is not here; null, the default: such requests are refused. */
  readonly anyModel?: string | null;
  /** What else there is, and can be used; default nothing. */
  readonly adjunctEntries?: readonly AdjunctEntry[];
  /** Names of what else there is for an artist that opens things by itself, by kind; default none. */
  readonly adjuncts?: Readonly<Partial<Record<AdjunctKind, readonly string[]>>>;
};

/** See the file's header. */
export class ModelRegistry {
  readonly #options: ModelRegistryOptions;
  #entries: readonly ModelEntry[] = [];
  #adjunctEntries: readonly AdjunctEntry[] = [];
  #byName: ReadonlyMap<string, ModelEntry> = new Map();

  constructor(entries: readonly ModelEntry[], options: ModelRegistryOptions) {
    this.#options = options;
    this.replace(entries, options.adjunctEntries ?? []);
  }

  /** The models that requests can name. */
  get entries(): readonly ModelEntry[] {
    return this.#entries;
  }

  /** What else there is, and can be used. */
  get adjunctEntries(): readonly AdjunctEntry[] {
    return this.#adjunctEntries;
  }

  /** Takes other entries in place of those so far. */
  replace(entries: readonly ModelEntry[], adjunctEntries: readonly AdjunctEntry[]): void {
    this.#entries = entries;
    this.#adjunctEntries = adjunctEntries;
    // An id wins over an alias of the same name.
    this.#byName = new Map([
      ...entries.flatMap((entry) => (entry.aliases ?? []).map((alias) => [alias, entry] as const)),
      ...entries.map((entry) => [entry.id, entry] as const),
    ]);
  }

  /** The model for requests that name none; undefined: there is none. */
  get defaultModel(): ModelEntry | undefined {
    return this.find(this.#options.defaultModel);
  }

  /** The model that the user chose for all names that are not here; undefined: there is none. */
  get anyModel(): ModelEntry | undefined {
    return this.find(this.#options.anyModel ?? null);
  }

  /** The model with that id or alias. */
  find(name: string | null): ModelEntry | undefined {
    return name === null ? undefined : this.#byName.get(name);
  }

  /** Ids of what else there is. */
  adjuncts(kind: AdjunctKind): readonly string[] {
    const { adjuncts } = this.#options;
    const own = this.#adjunctEntries.filter((entry) => entry.kind === kind).map(({ id }) => id);
    return [...own, ...(adjuncts?.[kind] ?? [])];
  }

  /** The entry of something beside models; undefined: there is none. */
  adjunct(kind: AdjunctEntry['kind'], id: string): AdjunctEntry | undefined {
    return this.#adjunctEntries.find((entry) => entry.kind === kind && entry.id === id);
  }

  /** The entry of a network that tells of pictures what hints are made of, such as `depth`; undefined: there is none. */
  annotator(told: string): AdjunctEntry | undefined {
    const { adjunctEntries = [] } = this.#options;
    return adjunctEntries.find(({ kind, hint }) => kind === 'annotator' && hint === told);
  }
}
