/**
 * What a page sees of its library: the models that requests can name and what goes with them, where their files are, and
 * what can be done about it.
 */

import type { EntryOptions, StorageReport, StoredEntry } from '../../engine/entry-files.ts';
import type { EntryProgress } from '../../engine/entry-progress.ts';
import type { LookOptions } from '../../engine/look.ts';
import type { EntryKind } from '../../models/identify.ts';
import type { AdjunctEntry, ModelEntry } from '../../models/manifest.ts';
import type { EntryName, KindedEntry } from '../../models/open-entry.ts';

/** An entry of the library. */
export type LibraryEntry = KindedEntry & {
  readonly id: string;
  /** Whether it was added on this machine; only such an entry can be removed. */
  readonly isOwn: boolean;
};

/** What is known beforehand of something to add; an id that is taken gets a number, unless it was asked for. */
export type AddOptions = LookOptions;

/** A file or folder from disk: handles can be remembered by browsers that give them, files only until the page goes. */
export type ChosenFile = File | FileSystemFileHandle | FileSystemDirectoryHandle;

/** What became of files from disk: what was added, and why the others were not. */
export type AddedFiles = {
  readonly added: readonly LibraryEntry[];
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
};

/** A download under way: until it ends, and whoever began it. */
export type ActiveDownload = EntryName & { readonly progress: EntryProgress };

/** See the file's header. All that takes long rejects with an EngineError that says why, or with the signal's reason. */
export type LibraryActions = {
  /** Resolves when what was added on earlier visits is known; every other call waits for it. */
  ready(): Promise<void>;
  /** All entries: first the manifest's, then those that were added, in the order of their adding. */
  entries(): readonly LibraryEntry[];
  /** The downloads under way in this page. */
  downloads(): readonly ActiveDownload[];
  /** Hears of every change to entries and of each begin and end of a download; returns what stops that. */
  onChange(listener: () => void): () => void;
  /** Adds what lies at an address, or in a hub's repository by owner and name; only its header is read. */
  add(what: string, options?: AddOptions): Promise<LibraryEntry>;
  /** Adds an entry as a manifest has them. */
  addEntry(kind: EntryKind, entry: ModelEntry | AdjunctEntry): Promise<LibraryEntry>;
  /** Adds files from disk, to be used where they are: single files, or the files of folders. */
  addFiles(files: readonly ChosenFile[], options?: AddOptions): Promise<AddedFiles>;
  /** Takes an entry that was added off the list, and deletes its files but those of the person's own. */
  remove(name: EntryName): Promise<void>;
  /** What of the entries is on this machine, without asking any server; default: of all. */
  stored(names?: readonly EntryName[]): Promise<readonly StoredEntry[]>;
  /** Downloads what the entry needs; where that is under way, joins it. An abort by all who wait pauses it. */
  download(name: EntryName, options?: EntryOptions): Promise<void>;
  /** Deletes an entry's files, whole or partial, but those that another entry needs; stops its download. */
  discard(name: EntryName): Promise<void>;
  /** Reads the entry's files again: false when one of them is not what was downloaded; it then counts as absent. */
  verify(name: EntryName, options?: EntryOptions): Promise<boolean>;
  /** Copies an entry's files from disk into the browser's storage, so that they are here on every visit. */
  keepCopy(name: EntryName, options?: EntryOptions): Promise<LibraryEntry>;
  /** Asks the browser to let the page read a `locked` entry again; in a click's handler. False when it was denied. */
  unlock(name: EntryName): Promise<boolean>;
  /** Keeps a host's access token on this machine, or forgets it (null). */
  setToken(host: string, token: string | null): Promise<void>;
  /** The hosts that have a token; tokens are never given out. */
  tokenHosts(): Promise<readonly string[]>;
  /** How much room there is. */
  storage(): Promise<StorageReport>;
  /** Asks the browser not to remove files by itself; best in a click's handler. */
  persist(): Promise<boolean>;
};
