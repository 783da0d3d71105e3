/**
 * What a page sees of its library: the models that requests can name and what goes with them, where their files are, and
 * what can be done about it.
 */

import type { AdjunctEntry, ModelEntry } from '../../models/manifest.ts';

/** What an entry is. */
export type EntryKind = 'model' | AdjunctEntry['kind'];

/** An entry by name: an id is there once for each kind. */
export type EntryName = { readonly kind: EntryKind; readonly id: string };

/** An entry of the library. */
export type LibraryEntry = EntryName & {
  readonly entry: ModelEntry | AdjunctEntry;
  /** Whether it was added on this machine; only such an entry can be removed. */
  readonly isOwn: boolean;
};

/**
 * Where an entry's files are. `embedded`: part of the package or of a web site's folder, so nothing is kept. `here`: all of
 * them are on this machine. `partial`: some are, or parts of some. `locked`: in files of the person's own, which the browser
 * lets the page read again after {@link LibraryActions.unlock}. `lost`: files of the person's own that must be chosen again.
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

/** How far the files of an entry are. */
export type EntryProgress = {
  /** As for one file; `checking`: what is on disk is read again. */
  readonly phase: 'waiting' | 'checking' | 'downloading' | 'retrying' | 'done';
  /** Bytes of all files so far. */
  readonly received: number;
  /** Bytes of all files, as soon as that is known. */
  readonly total?: number;
  /** Smoothed over some seconds; absent until bytes have come for a moment. */
  readonly bytesPerSecond?: number;
  /** Seconds that the rest takes at this rate; absent while the rate or the length is not known. */
  readonly secondsLeft?: number;
};

/** Options of what takes long. */
export type EntryOptions = {
  /** Pauses: what has come is kept. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EntryProgress) => void) | undefined;
};

/** What is known beforehand of something to add; the files tell the rest. */
export type AddOptions = {
  /** What it is; told from the file by default. */
  readonly kind?: EntryKind | undefined;
  /** What requests shall call it; default: the file's or the repository's name, with a number behind it if that is taken. */
  readonly id?: string | undefined;
  /** What people shall call it; default as the id. */
  readonly name?: string | undefined;
  /** Branch, tag or commit of a hub's repository; default `main`. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A file or folder from disk: handles can be remembered by browsers that give them, files only until the page goes. */
export type ChosenFile = File | FileSystemFileHandle | FileSystemDirectoryHandle;

/** What became of files from disk: what was added, and why the others were not. */
export type AddedFiles = {
  readonly added: readonly LibraryEntry[];
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
};

/** Bytes and promises of the browser's storage. */
export type StorageReport = {
  /** Bytes that downloads take. */
  readonly usage: number;
  /** Bytes that could be used in all, `usage` included; absent where that is not told. */
  readonly quota?: number;
  /** Whether the browser promised not to remove files by itself; absent outside of browsers. */
  readonly isPersisted?: boolean;
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
