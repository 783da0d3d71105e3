/**
 * The page's side of the boundary for the files of entries, in a worker of its own: digests of gigabytes slow no drawing
 * down, and an engine that fails or starts anew ends no download.
 */

import { proxy, releaseProxy, wrap, type Remote } from 'comlink';

import type {
  EntryFiles,
  EntryOptions,
  StorageReport,
  StoredEntry,
} from '../engine/entry-files.ts';
import type { LookOptions } from '../engine/look.ts';
import type { KindedEntry } from '../models/open-entry.ts';
import { absoluteEntry } from './absolute-entry.ts';
import { SentCalls } from './calls.ts';
import type { FilesListener, FilesService } from './files-service.ts';
import { openWorker } from './open-worker.ts';
import type { EngineService } from './service.ts';
import { installWire } from './wire.ts';
import { failureOf } from './worker-failure.ts';

installWire();

/** The files of entries in a worker. Dispose it to end the worker. */
export class FilesClient implements Pick<EntryFiles, keyof EntryFiles> {
  readonly #worker: Worker;
  readonly #service: Remote<EngineService>;
  readonly #files: Remote<FilesService>;
  readonly #calls: SentCalls;

  private constructor(worker: Worker, service: Remote<EngineService>) {
    this.#worker = worker;
    this.#service = service;
    this.#files = service.files;
    this.#calls = new SentCalls((call, reason) => this.#files.abort(call, reason));
  }

  /** Starts a worker. */
  static async start(): Promise<FilesClient> {
    const worker = openWorker();
    const service = wrap<EngineService>(worker);
    try {
      // The first answer tells that the worker's script was loaded.
      await Promise.race([service.files.stored([]), failureOf(worker)]);
      return new FilesClient(worker, service);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** See {@link EntryFiles.stored}. */
  stored(entries: readonly KindedEntry[]): Promise<StoredEntry[]> {
    return this.#files.stored(entries.map(absolute));
  }

  /** See {@link EntryFiles.download}. */
  download(entry: KindedEntry, { signal, onProgress }: EntryOptions = {}): Promise<void> {
    return this.#calls.run(signal, (call) =>
      this.#files.download(call, absolute(entry), listener(onProgress)),
    );
  }

  /** See {@link EntryFiles.discard}. */
  discard(entry: KindedEntry, others: readonly KindedEntry[]): Promise<void> {
    return this.#files.discard(absolute(entry), others.map(absolute));
  }

  /** See {@link EntryFiles.verify}. */
  verify(entry: KindedEntry, { signal, onProgress }: EntryOptions = {}): Promise<boolean> {
    return this.#calls.run(signal, (call) =>
      this.#files.verify(call, absolute(entry), listener(onProgress)),
    );
  }

  /** See {@link EntryFiles.look}. */
  look(what: string, { signal, ...options }: LookOptions = {}): Promise<KindedEntry> {
    return this.#calls.run(signal, async (call) => this.#files.look(call, what, options));
  }

  /** See {@link EntryFiles.lookAtFiles}; files are handed over by reference, not copied. */
  lookAtFiles(
    name: string,
    blobs: Readonly<Record<string, Blob>>,
    { signal, ...options }: LookOptions = {},
  ): Promise<KindedEntry> {
    return this.#calls.run(signal, async (call) =>
      this.#files.lookAtFiles(call, name, blobs, options),
    );
  }

  /** See {@link EntryFiles.keepCopy}. */
  keepCopy(entry: KindedEntry, { signal, onProgress }: EntryOptions = {}): Promise<void> {
    return this.#calls.run(signal, (call) =>
      this.#files.keepCopy(call, absolute(entry), listener(onProgress)),
    );
  }

  /** See {@link EntryFiles.setToken}. */
  setToken(host: string, token: string | null): Promise<void> {
    return this.#files.setToken(host, token);
  }

  /** See {@link EntryFiles.tokenHosts}. */
  tokenHosts(): Promise<readonly string[]> {
    return this.#files.tokenHosts();
  }

  /** See {@link EntryFiles.storage}. */
  storage(): Promise<StorageReport> {
    return this.#files.storage();
  }

  /** Ends the worker; what is being downloaded is paused. */
  async dispose(): Promise<void> {
    this.#service[releaseProxy]();
    this.#worker.terminate();
  }
}

function listener(onProgress: FilesListener): FilesListener {
  return onProgress && proxy(onProgress);
}

function absolute(named: KindedEntry): KindedEntry {
  return { ...named, entry: absoluteEntry(named.entry) } as KindedEntry;
}
