/**
 * A checkpoint as the engine sees it: named tensors in a random-access source of bytes.
 *
 * This is the contract between file formats (which produce it) and the weight store and graph
 * builder (which consume it). Nothing here reads a whole file.
 */

import type { StorageDtype } from '../tensor/dtype.ts';

/** Random access to bytes that need not be in memory: a Blob, a file on disk, a generated stream. */
export type ByteSource = {
  /** A stable name for messages and cache keys, such as a file name. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** When the bytes were last written, in milliseconds since 1970; absent where that is not told. */
  readonly modified?: number;
  /**
   * Reads bytes `start` (inclusive) to `end` (exclusive) into memory the caller may keep.
   * Rejects when the range is outside the source or the source delivers fewer bytes.
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
};

/** Where one tensor lies in its source. */
export type TensorEntry = {
  /** Name in the file. */
  readonly name: string;
  readonly dtype: StorageDtype;
  /** Dimensions, outermost first, as PyTorch has them. */
  readonly shape: readonly number[];
  /** The source that holds the bytes. */
  readonly source: ByteSource;
  /** Absolute position of the first byte in `source`; need not be aligned. */
  readonly byteOffset: number;
  /** Length in bytes: the element count times the bytes of an element. */
  readonly byteLength: number;
};

/** A set of named tensors, and an identity under which their converted copies may be shared. */
export type Checkpoint = {
  /** Tells this set of weights apart from all others of the session: part of every weight key. */
  readonly id: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Of a checkpoint that is only imagined: the tensor that a network asks for by name and shape. */
  readonly assume?: (name: string, shape: readonly number[]) => TensorEntry;
};
