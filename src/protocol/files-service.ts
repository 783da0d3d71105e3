/**
 * The worker's side of the boundary for the files of entries. It needs no engine, so it answers whatever the GPU does.
 */

import {
  EntryFiles,
  type EntryOptions,
  type StorageReport,
  type StoredEntry,
} from '../engine/entry-files.ts';
import type { LookOptions } from '../engine/look.ts';
import type { KindedEntry } from '../models/open-entry.ts';
import { ReceivedCalls } from './calls.ts';
import type { WireError } from './wire.ts';

/** Hears how far the files of an entry are. */
export type FilesListener = EntryOptions['onProgress'];

/** The calls a page makes; see {@link EntryFiles} for what they do. */
export class FilesService {
  readonly #files = new EntryFiles();
  readonly #calls = new ReceivedCalls();

  /** See {@link EntryFiles.stored}. */
  stored(entries: readonly KindedEntry[]): Promise<StoredEntry[]> {
    return this.#files.stored(entries);
  }

  /** See {@link EntryFiles.download}. */
  download(call: number, entry: KindedEntry, onProgress?: FilesListener): Promise<void> {
    return this.#calls.run(call, (signal) => this.#files.download(entry, { signal, onProgress }));
  }

  /** See {@link EntryFiles.discard}. */
  discard(entry: KindedEntry, others: readonly KindedEntry[]): Promise<void> {
    return this.#files.discard(entry, others);
  }

  /** See {@link EntryFiles.verify}. */
  verify(call: number, entry: KindedEntry, onProgress?: FilesListener): Promise<boolean> {
    return this.#calls.run(call, (signal) => this.#files.verify(entry, { signal, onProgress }));
  }

  /** See {@link EntryFiles.look}. */
  look(call: number, what: string, options: LookOptions): Promise<KindedEntry> {
    return this.#calls.run(call, (signal) => this.#files.look(what, { ...options, signal }));
  }

  /** See {@link EntryFiles.lookAtFiles}. */
  lookAtFiles(
    call: number,
    name: string,
    blobs: Readonly<Record<string, Blob>>,
    options: LookOptions,
  ): Promise<KindedEntry> {
    return this.#calls.run(call, (signal) =>
      this.#files.lookAtFiles(name, blobs, { ...options, signal }),
    );
  }

  /** See {@link EntryFiles.keepCopy}. */
  keepCopy(call: number, entry: KindedEntry, onProgress?: FilesListener): Promise<void> {
    return this.#calls.run(call, (signal) => this.#files.keepCopy(entry, { signal, onProgress }));
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

  /** Aborts a running call; it rejects with this reason. */
  abort(call: number, reason: WireError): void {
    this.#calls.abort(call, reason);
  }
}
