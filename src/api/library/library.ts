/**
 * The library: the manifest's entries and those that were added on this machine, where their files are, and what can be done
 * about it.
 */

import { requestPersistence } from '../../downloads/persistence.ts';
import type {
  EntryFiles,
  EntryOptions,
  StorageReport,
  StoredEntry,
} from '../../engine/entry-files.ts';
import { EngineError } from '../../errors.ts';
import type { EntryKind } from '../../models/identify.ts';
import {
  parseEntry,
  type AdjunctEntry,
  type Manifest,
  type ModelEntry,
} from '../../models/manifest.ts';
import type { EntryName, KindedEntry } from '../../models/open-entry.ts';
import type { ModelRegistry } from '../model-registry.ts';
import { sortChosen, type Chosen } from './chosen-files.ts';
import { keyOf, memoryRecords, type EntryRecords } from './entry-records.ts';
import { OwnEntries, withFiles, withoutBlobs } from './own-entries.ts';
import { SharedDownload } from './shared-download.ts';
import type {
  ActiveDownload,
  AddedFiles,
  AddOptions,
  ChosenFile,
  LibraryActions,
  LibraryEntry,
} from './types.ts';

/** What a {@link Library} is made of. */
export type LibraryOptions = {
  readonly manifest: Manifest;
  /** Is told of all entries whenever they change. */
  readonly models: ModelRegistry;
  /** Starts what knows files, when it is first needed. Absent: nothing can be downloaded ahead or added. */
  readonly files?: (() => Promise<FilesEngine>) | undefined;
  /** Where added entries are written down. Default: they last as long as this object. */
  readonly records?: EntryRecords | undefined;
  /** Frees what the engine holds of an entry before its files go. */
  readonly close?: ((id: string) => Promise<void>) | undefined;
};

/** What is needed of whoever knows files, in this thread or behind a worker's boundary. */
export type FilesEngine = Pick<EntryFiles, keyof EntryFiles>;

/** See the file's header. */
export class Library implements LibraryActions {
  readonly #shipped: readonly KindedEntry[];
  readonly #models: ModelRegistry;
  readonly #start: LibraryOptions['files'];
  readonly #close: LibraryOptions['close'];
  readonly #own: OwnEntries;
  readonly #active = new Map<string, { name: EntryName; download: SharedDownload }>();
  readonly #prepared = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #files: Promise<FilesEngine> | undefined;
  #loaded: Promise<void> | undefined;

  constructor({ manifest, models, files, records = memoryRecords(), close }: LibraryOptions) {
    const { models: entries, adjuncts = [] } = manifest;
    this.#shipped = [
      ...entries.map((entry) => ({ kind: 'model', entry }) as const),
      ...adjuncts.map((entry) => ({ kind: entry.kind, entry })),
    ];
    this.#models = models;
    this.#start = files;
    this.#close = close;
    this.#own = new OwnEntries(records);
  }

  ready(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  entries(): readonly LibraryEntry[] {
    const taken = new Set(this.#shipped.map(({ kind, entry }) => keyOf({ kind, id: entry.id })));
    const own = this.#own.all.filter(({ record }) => !taken.has(keyOf(record)));
    return [
      ...this.#shipped.map((named) => ({ ...named, id: named.entry.id, isOwn: false })),
      ...own.map(({ named }) => ({ ...named, id: named.entry.id, isOwn: true })),
    ];
  }

  downloads(): readonly ActiveDownload[] {
    return [...this.#active.values()].map(({ name, download }) => ({
      ...name,
      progress: download.progress,
    }));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async add(what: string, options: AddOptions = {}): Promise<LibraryEntry> {
    await this.ready();
    const files = await this.#engine();
    return this.#insert(await files.look(what, options), options.id !== undefined);
  }

  async addEntry(kind: EntryKind, entry: ModelEntry | AdjunctEntry): Promise<LibraryEntry> {
    await this.ready();
    return this.#insert({ kind, entry: parseEntry(kind, entry) } as KindedEntry, true);
  }

  async addFiles(files: readonly ChosenFile[], options: AddOptions = {}): Promise<AddedFiles> {
    await this.ready();
    const added: LibraryEntry[] = [];
    const refused: { name: string; reason: string }[] = [];
    for (const chosen of await sortChosen(files)) {
      try {
        added.push((await this.#found(chosen)) ?? (await this.#addChosen(chosen, options)));
      } catch (error) {
        options.signal?.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        refused.push({ name: chosen.name, reason });
      }
    }
    return { added, refused };
  }

  async remove(name: EntryName): Promise<void> {
    await this.#find(name);
    if (this.#own.get(name) === undefined) {
      throw new EngineError(
        'invalid-argument',
        `${name.id} is in the manifest, not one that was added; take it out there`,
        { detail: { ...name } },
      );
    }
    await this.discard(name);
    await this.#own.delete(name);
    this.#changed();
  }

  async stored(names?: readonly EntryName[]): Promise<readonly StoredEntry[]> {
    await this.ready();
    const wanted =
      names === undefined
        ? this.entries()
        : await Promise.all(names.map((name) => this.#find(name)));
    const locked = wanted.filter((name) => this.#own.get(name)?.isLocked === true);
    const others = wanted.filter((name) => !locked.includes(name));
    const told =
      others.length === 0 ? [] : await (await this.#engine()).stored(others.map(kindedOf));
    const byKey = new Map(told.map((each) => [keyOf(each), each]));
    return wanted.map(({ kind, id }) => {
      return byKey.get(keyOf({ kind, id })) ?? { kind, id, state: 'locked', bytesHere: 0 };
    });
  }

  async download(name: EntryName, options: EntryOptions = {}): Promise<void> {
    const entry = await this.#find(name);
    options.signal?.throwIfAborted();
    const key = keyOf(name);
    const active = this.#active.get(key)?.download;
    const isJoined = active !== undefined && !active.isStopped;
    await (isJoined ? active : this.#begin(entry)).join(options);
    this.#prepared.add(key);
  }

  async discard(name: EntryName): Promise<void> {
    const entry = await this.#find(name);
    const active = this.#active.get(keyOf(name))?.download;
    active?.stop();
    await active?.settled;
    this.#prepared.delete(keyOf(name));
    await this.#close?.(name.id);
    if (this.#start !== undefined) {
      const others = this.entries().filter((other) => keyOf(other) !== keyOf(name));
      await (await this.#engine()).discard(kindedOf(entry), others.map(kindedOf));
    }
    this.#changed();
  }

  async verify(name: EntryName, options: EntryOptions = {}): Promise<boolean> {
    const entry = await this.#find(name);
    const isRight = await (await this.#engine()).verify(kindedOf(entry), options);
    if (!isRight) this.#prepared.delete(keyOf(name));
    return isRight;
  }

  async keepCopy(name: EntryName, options: EntryOptions = {}): Promise<LibraryEntry> {
    const entry = await this.#find(name);
    await (await this.#engine()).keepCopy(kindedOf(entry), options);
    await this.#own.put(withoutBlobs(kindedOf(entry)));
    this.#changed();
    return this.#find(name);
  }

  async unlock(name: EntryName): Promise<boolean> {
    const isOpen = await this.#own.unlock(name);
    if (isOpen) this.#changed();
    return isOpen;
  }

  async setToken(host: string, token: string | null): Promise<void> {
    await (await this.#engine()).setToken(host, token);
  }

  async tokenHosts(): Promise<readonly string[]> {
    return (await this.#engine()).tokenHosts();
  }

  async storage(): Promise<StorageReport> {
    return (await this.#engine()).storage();
  }

  persist(): Promise<boolean> {
    return requestPersistence();
  }

  /**
   * The entry as the engine can open it: its files are downloaded unless they are here, those of the person's own are handed
   * along. Errors are those of a download; `access-denied` where the browser asks the person first.
   */
  async prepare<T extends KindedEntry>(wanted: T, options: EntryOptions = {}): Promise<T['entry']> {
    const { kind, entry } = wanted;
    const name = { kind, id: entry.id };
    const key = keyOf(name);
    const own = this.#own.get(name);
    if (own?.isLocked === true) {
      throw new EngineError(
        'access-denied',
        `the browser asks before the page may read the file of ${name.id} again: allow it in the library`,
        { detail: { ...name } },
      );
    }
    const { source } = entry;
    const isKept = source.kind === 'hub' || source.kind === 'file';
    const isListed = this.entries().some((each) => keyOf(each) === key);
    if (isKept && isListed && this.#start !== undefined && !this.#prepared.has(key)) {
      await this.download(name, options);
    }
    return own?.named.entry ?? entry;
  }

  /** Stops all downloads; what has come is kept. */
  async dispose(): Promise<void> {
    const active = [...this.#active.values()].map(({ download }) => download);
    for (const download of active) download.stop();
    await Promise.all(active.map(({ settled }) => settled));
    const files = await this.#files?.catch(() => undefined);
    this.#files = undefined;
    if (files !== undefined && 'dispose' in files) await (files.dispose as () => Promise<void>)();
  }

  async #load(): Promise<void> {
    await this.#own.load();
    this.#own.watch(() => {
      void this.#own.load().then(() => this.#changed());
    });
    this.#changed();
  }

  #begin(entry: LibraryEntry): SharedDownload {
    const { kind, id } = entry;
    const key = keyOf(entry);
    const download = new SharedDownload(async (options) => {
      await (await this.#engine()).download(kindedOf(entry), options);
    });
    this.#active.set(key, { name: { kind, id }, download });
    const end = (): void => {
      if (this.#active.get(key)?.download === download) this.#active.delete(key);
      this.#changed();
    };
    void download.settled.then(end);
    this.#changed();
    return download;
  }

  async #addChosen(chosen: Chosen, options: AddOptions): Promise<LibraryEntry> {
    const files = await this.#engine();
    const found = await files.lookAtFiles(chosen.name, chosen.blobs, options);
    return this.#insert(found, options.id !== undefined, chosen);
  }

  /** An entry that was added before and whose file could not be read since: this is it again, by name and length. */
  async #found({ name, blobs, handle }: Chosen): Promise<LibraryEntry | undefined> {
    const bytes = Object.values(blobs).reduce((sum, { size }) => sum + size, 0);
    const own = this.#own.all.find(({ named: { entry } }) => {
      const { source, downloadBytes } = entry;
      if (source.kind !== 'local') return false;
      return (source.file ?? source.folder) === name && downloadBytes === bytes;
    });
    if (own === undefined) return undefined;
    await this.#own.put(withFiles(own.named, blobs), handle ?? own.record.handle);
    this.#changed();
    return this.#find(own.record);
  }

  async #insert(found: KindedEntry, isFixed: boolean, chosen?: Chosen): Promise<LibraryEntry> {
    const { kind, entry } = found;
    const same = this.entries().find((each) => {
      const isSame = JSON.stringify(each.entry.source) === JSON.stringify(entry.source);
      return each.kind === kind && entry.source.kind !== 'local' && isSame;
    });
    if (same !== undefined && (!isFixed || same.id === entry.id)) return same;
    const id = this.#freeId(kind, entry.id, isFixed);
    const name = entry.name === entry.id ? id : entry.name;
    await this.#own.put({ kind, entry: { ...entry, id, name } } as KindedEntry, chosen?.handle);
    this.#changed();
    return this.#find({ kind, id });
  }

  #freeId(kind: EntryKind, id: string, isFixed: boolean): string {
    const taken = new Set(
      this.entries()
        .filter((each) => each.kind === kind)
        .flatMap(({ entry }) => [entry.id, ...('aliases' in entry ? (entry.aliases ?? []) : [])]),
    );
    if (!taken.has(id)) return id;
    if (isFixed) {
      throw new EngineError('invalid-argument', `there is a ${kind} ${id} already`, {
        detail: { kind, id },
      });
    }
    let number = 2;
    while (taken.has(`${id}-${number}`)) number += 1;
    return `${id}-${number}`;
  }

  async #find(name: EntryName): Promise<LibraryEntry> {
    await this.ready();
    const found = this.entries().find((each) => keyOf(each) === keyOf(name));
    if (found !== undefined) return found;
    throw new EngineError(
      'invalid-argument',
      `there is no ${name.kind} ${name.id} in the library`,
      {
        detail: { kind: name.kind, id: name.id },
      },
    );
  }

  #engine(): Promise<FilesEngine> {
    if (this.#start === undefined) {
      return Promise.reject(new EngineError('unsupported', 'no files are kept here'));
    }
    this.#files ??= this.#start().catch((error: unknown) => {
      this.#files = undefined;
      throw error;
    });
    return this.#files;
  }

  #changed(): void {
    const all = this.entries();
    const models = all.flatMap((each) => (each.kind === 'model' ? [each.entry] : []));
    const adjuncts = all.flatMap((each) => (each.kind === 'model' ? [] : [each.entry]));
    this.#models.replace(models, adjuncts);
    for (const listener of this.#listeners) listener();
  }
}

/** What whoever knows files has to know of an entry. */
function kindedOf({ kind, entry }: LibraryEntry): KindedEntry {
  return { kind, entry } as KindedEntry;
}
