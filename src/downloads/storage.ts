/**
 * What downloads need of a place that keeps files: the origin private file system of a browser, or a
 * folder on disk in Node.
 *
 * Paths have forward slashes, are relative to the place, and were checked by the caller. Folders come
 * into being with the first file in them. A full disk is a `DOMException` named QuotaExceededError.
 */

import type { ByteSource } from '../weights/checkpoint.ts';

/** A place for files. */
export type StoreFolder = {
  /** Tells this place apart from others: part of the names of locks and channels. */
  readonly id: string;
  /** Opens a file for reading and writing, and makes an empty one where there is none. */
  open(path: string): Promise<OpenFile>;
  /** A source over the file as it is now, called `path` in messages; undefined where there is none. */
  source(path: string): Promise<ByteSource | undefined>;
  /**
   * Gives a closed file another path, replacing a file that lies there. It happens at once or not at
   * all; false where this place cannot move files.
   */
  move(from: string, to: string): Promise<boolean>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Paths of all files below a folder, relative to it. */
  list(folder: string): Promise<string[]>;
  /** How much room there is. */
  space(): Promise<Space>;
};

/** A file open for writing. Nobody else may have it open. */
export type OpenFile = {
  /** Length in bytes. */
  size(): Promise<number>;
  /** Fills `into` from position `at`; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number>;
  /** Writes all of `bytes` at position `at`. */
  write(bytes: Uint8Array<ArrayBuffer>, at: number): Promise<void>;
  /** Cuts the file to `size` bytes. */
  truncate(size: number): Promise<void>;
  /**
   * Length that the file could grow to, at most `wanted`; exact to a hundredth of it. The file stays as it is.
   * Browsers that hide how much room there is tell it by this alone.
   */
  room(wanted: number): Promise<number>;
  /** Brings what was written to the disk itself. */
  flush(): Promise<void>;
  /** Ends the use of the file. */
  close(): Promise<void>;
};

/** How much room a place has. */
export type Space = {
  /** Bytes that can still be written; undefined where that is not told. */
  readonly free: number | undefined;
  /** Whether the browser has promised not to remove the files by itself; undefined outside of browsers. */
  readonly persisted: boolean | undefined;
};
