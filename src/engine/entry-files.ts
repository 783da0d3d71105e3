/**
 * The files of entries on this machine: what is here, what comes, what goes. No GPU is needed for any of it.
 *
 * It lives where a store can be opened, in a worker or in Node, and takes and gives plain data only, as the engine does.
 */

import type { DownloadStore } from '../downloads/download-store.ts';
import type { DownloadProgress } from '../downloads/progress.ts';
import { EngineError, isEngineError } from '../errors.ts';
import { blobSource } from '../weights/byte-source.ts';
import { localPath } from '../models/local-files.ts';
import { modelStore } from '../models/model-store.ts';
import { neededFiles } from '../models/needed-files.ts';
import { openEntry, type EntryName, type KindedEntry } from '../models/open-entry.ts';
import { hubTarget, repositoryOf } from '../models/stored-files.ts';
import { isIn, placeOf } from '../models/stored-place.ts';
import { EntryMeter, type EntryProgress } from './entry-progress.ts';
import { lookAtAddress, lookAtFiles, type LookOptions } from './look.ts';

/**
 * Where an entry's files are. `embedded`: part of the package or of a web site's folder, so nothing is kept. `here`: all of
 * them are on this machine. `partial`: some are, or parts of some. `locked`: in files of the person's own that the browser
 * lets the page read again once the person allows it. `lost`: files of the person's own that must be chosen again.
 */
export type StoredState = 'embedded' | 'here' | 'partial' | 'absent' | 'locked' | 'lost';

/** What of an entry is on this machine. */
export type StoredEntry = EntryName & {
  readonly state: StoredState;
  /** Bytes that have been downloaded, or that the person's own files have. */
  readonly bytesHere: number;
  /** Bytes of all its files; absent while that is not known. */
  readonly bytesTotal?: number;
};

/** Options of what takes long. */
export type EntryOptions = {
  /** Pauses: what has come is kept. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EntryProgress) => void) | undefined;
};

/** Bytes and promises of the storage. */
export type StorageReport = {
  /** Bytes that downloads and copies take. */
  readonly usage: number;
  /** Bytes that could be used in all, `usage` included; absent where that is not told. */
  readonly quota?: number;
  /** Whether the browser promised not to remove files by itself; absent outside of browsers. */
  readonly isPersisted?: boolean;
};

type Stored = Awaited<ReturnType<DownloadStore['list']>>[number];

/** See the file's header. */
export class EntryFiles {
  readonly #open: () => Promise<DownloadStore>;
  /** Entries that could be opened, and the files they had then: headers are read again when one of those is another. */
  readonly #opened = new Map<string, string>();

  /** @param store Keeps the files; default the machine's own. */
  constructor(store: () => Promise<DownloadStore> = modelStore) {
    this.#open = store;
  }

  /** What of these entries is here, without asking any server. */
  async stored(entries: readonly KindedEntry[]): Promise<StoredEntry[]> {
    const isKept = (named: KindedEntry): boolean => placeOf(named) !== undefined;
    const files = entries.some(isKept) ? await this.#list() : [];
    return Promise.all(entries.map((each) => this.#describe(each, files)));
  }

  /**
   * Downloads what the entry needs and is not here, and opens it to see that it can be used; what cannot is deleted again.
   * Errors are those of downloads and of opening.
   */
  async download(named: KindedEntry, { signal, onProgress }: EntryOptions = {}): Promise<void> {
    const { source } = named.entry;
    const meter = new EntryMeter(onProgress);
    const onDownload = (progress: DownloadProgress): void => meter.take(progress);
    const place = placeOf(named);
    if (source.kind === 'hub' && place !== undefined) {
      const store = await this.#open();
      const targets = await this.#targets(store, named, signal);
      for (const { path, size } of targets) meter.expect(path, size);
      await together(targets, signal, (target, within) =>
        store.download(target, { signal: within, onProgress: onDownload }),
      );
    }
    if (source.kind === 'file' && place !== undefined) {
      const { size = named.entry.downloadBytes } = source;
      if (size !== undefined) meter.expect(place, size);
    }
    try {
      await openEntry(named, { store: this.#open, signal, onDownload });
    } catch (error) {
      signal?.throwIfAborted();
      const isUseless = isEngineError(error) && error.code === 'model-malformed';
      if (isUseless && source.kind !== 'local') await this.discard(named, []);
      throw error;
    }
  }

  /**
   * Deletes the entry's files, whole or partial, unless one of `others` has the same. Throws EngineError `invalid-argument`
   * while one of them is being downloaded.
   */
  async discard(named: KindedEntry, others: readonly KindedEntry[]): Promise<void> {
    const place = placeOf(named);
    if (place === undefined) return;
    const isShared = others.some((other) => placeOf(other) === place);
    if (isShared) return;
    const files = await this.#filesIn(place);
    if (files.length === 0) return;
    const store = await this.#open();
    for (const { path } of files) await store.delete(path);
  }

  /**
   * Reads the entry's files again: false when one is not what was downloaded, or none is here. A file that is not counts as
   * absent from then on.
   */
  async verify(named: KindedEntry, options: EntryOptions = {}): Promise<boolean> {
    const { signal, onProgress } = options;
    const place = placeOf(named);
    if (place === undefined) return true;
    const files = (await this.#filesIn(place)).filter(({ state }) => state !== 'part');
    if (files.length === 0) return false;
    const store = await this.#open();
    const meter = new EntryMeter(onProgress);
    for (const { path, bytes } of files) meter.expect(path, bytes);
    let isRight = true;
    for (const { path, state } of files) {
      const take = { signal, onProgress: (news: DownloadProgress) => meter.take(news) };
      isRight = state === 'whole' && (await store.verify(path, take)) && isRight;
    }
    return isRight;
  }

  /** What lies at an address or in a hub's repository, as an entry; see {@link lookAtAddress}. */
  async look(what: string, options: LookOptions = {}): Promise<KindedEntry> {
    return lookAtAddress(what, this.#open, options);
  }

  /** What files are that a person chose, as an entry that uses them where they are; see {@link lookAtFiles}. */
  async lookAtFiles(
    name: string,
    blobs: Readonly<Record<string, Blob>>,
    options: LookOptions = {},
  ): Promise<KindedEntry> {
    return lookAtFiles(name, blobs, options);
  }

  /** Copies the files that were handed along with an entry into the store: all that it needs of them. */
  async keepCopy({ entry }: KindedEntry, options: EntryOptions = {}): Promise<void> {
    const { signal, onProgress } = options;
    const { source } = entry;
    if (source.kind !== 'local' || source.blobs === undefined) {
      throw new EngineError('invalid-argument', `${entry.id} has no files from disk to copy`);
    }
    const store = await this.#open();
    const meter = new EntryMeter(onProgress);
    const all = Object.keys(source.blobs);
    const needed = neededFiles(all);
    const paths = source.file === undefined && needed.isWhole ? needed.paths : all;
    const files = paths.flatMap((path) => {
      const blob = source.blobs?.[path];
      return blob instanceof Blob ? [{ path, blob }] : [];
    });
    for (const { path, blob } of files) meter.expect(localPath(source, path), blob.size);
    for (const { path, blob } of files) {
      const onFile = (news: DownloadProgress): void => meter.take(news);
      const to = localPath(source, path);
      await store.keep(to, blobSource(blob, path), { signal, onProgress: onFile });
    }
  }

  /** Keeps a host's access token, or forgets it (null). */
  async setToken(host: string, token: string | null): Promise<void> {
    const { tokens } = await this.#open();
    await (token === null ? tokens.delete(host) : tokens.set(host, token));
  }

  /** The hosts that have a token; tokens are never given out. */
  async tokenHosts(): Promise<readonly string[]> {
    return (await this.#open()).tokens.hosts();
  }

  /** How much room there is. */
  async storage(): Promise<StorageReport> {
    const { stored, free, persisted } = await (await this.#open()).usage();
    return {
      usage: stored,
      ...(free === undefined ? {} : { quota: stored + free }),
      ...(persisted === undefined ? {} : { isPersisted: persisted }),
    };
  }

  /** Files of the store; none where there can be no store. */
  async #list(): Promise<readonly Stored[]> {
    try {
      return await (await this.#open()).list();
    } catch (error) {
      if (isEngineError(error) && error.code === 'unsupported') return [];
      throw error;
    }
  }

  /** Those of an entry's place. */
  async #filesIn(place: string): Promise<readonly Stored[]> {
    return (await this.#list()).filter(({ path }) => isIn(place, path));
  }

  async #describe(named: KindedEntry, all: readonly Stored[]): Promise<StoredEntry> {
    const { kind, entry } = named;
    const { id, source, downloadBytes } = entry;
    const place = placeOf(named);
    if (place === undefined) return { kind, id, state: 'embedded', bytesHere: 0 };
    const files = all.filter(({ path }) => isIn(place, path));
    const kept = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const given = source.kind === 'local' ? blobsOf(source) : undefined;
    const bytesHere = given?.reduce((sum, { size }) => sum + size, 0) ?? kept;
    const isPart = files.some(({ state }) => state !== 'whole');
    const isHere =
      (given !== undefined || (files.length > 0 && !isPart)) && (await this.#opens(named, files));
    if (isHere) return { kind, id, state: 'here', bytesHere, bytesTotal: bytesHere };
    const single = source.kind === 'file' ? (source.size ?? files[0]?.size) : undefined;
    const total = downloadBytes ?? single;
    const missing = source.kind === 'local' ? 'lost' : 'absent';
    return {
      kind,
      id,
      state: kept > 0 ? 'partial' : missing,
      bytesHere,
      ...(total === undefined ? {} : { bytesTotal: total }),
    };
  }

  /** Whether an entry can be opened with its files, of which the store has these. */
  async #opens(named: KindedEntry, files: readonly Stored[]): Promise<boolean> {
    const { kind, entry } = named;
    const key = JSON.stringify([kind, entry]);
    const held = JSON.stringify(
      files.map(({ path, state, bytes, sha256, modified }) => [
        path,
        state,
        bytes,
        sha256,
        modified,
      ]),
    );
    // What is not in the store is looked at each time.
    const isKept = files.length > 0;
    if (isKept && this.#opened.get(key) === held) return true;
    try {
      await openEntry(named, { store: this.#open, isOffline: true });
      if (isKept) this.#opened.set(key, held);
      return true;
    } catch {
      this.#opened.delete(key);
      return false;
    }
  }

  /** The files of a repository that can be foreseen to be needed. */
  async #targets(
    store: DownloadStore,
    named: KindedEntry,
    signal: AbortSignal | undefined,
  ): Promise<{ url: string; path: string; size: number; sha256: string | undefined }[]> {
    const { source } = named.entry;
    const place = placeOf(named);
    if (source.kind !== 'hub' || place === undefined) return [];
    const files = await this.#filesIn(place);
    if (await this.#opens(named, files)) return [];
    const listed = await store.listHub(repositoryOf(source), { signal });
    const { paths } = neededFiles(listed.map(({ path }) => path));
    return listed.filter(({ path }) => paths.includes(path)).map((file) => hubTarget(source, file));
  }
}

function blobsOf(source: { readonly blobs?: Readonly<Record<string, unknown>> }) {
  if (source.blobs === undefined) return undefined;
  return Object.values(source.blobs).filter((blob) => blob instanceof Blob);
}

/** Runs a task for each item at the same time; the first that fails stops the others. */
async function together<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  task: (item: T, within: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const failed = new AbortController();
  const within = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const tasks = items.map(async (item) => {
    try {
      await task(item, within);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(tasks);
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
}
