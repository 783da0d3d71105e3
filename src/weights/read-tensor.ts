/**
 * Brings tensors of a checkpoint into memory: whole, by rows, or as a stream of chunks.
 *
 * Conversions to single precision happen chunk by chunk, so that a reader needs the result and one
 * chunk, never two copies of a large tensor. How a graph wants a tensor laid out is in `lay-out.ts`.
 */

import { EngineError } from '../errors.ts';
import { bfloat16ToFloat32Array, float16ToFloat32Array } from '../tensor/float16.ts';
import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../tensor/dtype.ts';
import type { TensorEntry } from './checkpoint.ts';

/** Bytes of one chunk where the caller names no other size. */
const DEFAULT_CHUNK_BYTES = 16 * 2 ** 20;

/** Rows with less than this between them are read in one go: a read costs more than these bytes. */
const COALESCE_BYTES = 16 * 2 ** 10;

/** Consecutive elements of a tensor, in its stored format. */
export type TensorChunk = {
  /** Index of the first element, row-major. */
  readonly elementOffset: number;
  /** Whole elements, in memory the caller may keep. */
  readonly bytes: Uint8Array<ArrayBuffer>;
};

/** Options of {@link streamTensor}. */
export type StreamOptions = {
  /** Most bytes of a chunk, except that a chunk always has one element or row; 16 MiB by default. */
  chunkBytes?: number;
  /** Whether chunks end where rows end; a row is everything at one index of the first dimension. */
  rowAligned?: boolean;
  signal?: AbortSignal | undefined;
};

/** Elements of one row of a tensor: everything at one index of its first dimension. */
function rowLength(shape: readonly number[]): number {
  return elementCount(shape.slice(1));
}

/** The same bytes at a position that typed arrays of `size`-byte elements accept. */
function aligned(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/** Converts stored elements to single precision, into `target` when given. */
export function toFloat32(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: StorageDtype,
  target = new Float32Array(bytes.length / BYTES_PER_ELEMENT[dtype]),
): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset } = aligned(bytes, BYTES_PER_ELEMENT[dtype]);
  switch (dtype) {
    case 'float32':
      target.set(new Float32Array(buffer, byteOffset, bytes.length / 4));
      return target;
    case 'float16':
      return float16ToFloat32Array(new Uint16Array(buffer, byteOffset, bytes.length / 2), target);
    case 'bfloat16':
      return bfloat16ToFloat32Array(new Uint16Array(buffer, byteOffset, bytes.length / 2), target);
    default:
      return dtype satisfies never;
  }
}

/** The tensor's elements in order, a chunk at a time; the next is read when it is asked for. */
export async function* streamTensor(
  entry: TensorEntry,
  options: StreamOptions = {},
): AsyncGenerator<TensorChunk, void, undefined> {
  const { chunkBytes = DEFAULT_CHUNK_BYTES, rowAligned = false, signal } = options;
  const size = BYTES_PER_ELEMENT[entry.dtype];
  const unit = rowAligned ? Math.max(1, rowLength(entry.shape)) * size : size;
  const step = Math.max(1, Math.floor(chunkBytes / unit)) * unit;
  for (let at = 0; at < entry.byteLength; at += step) {
    const start = entry.byteOffset + at;
    const end = entry.byteOffset + Math.min(entry.byteLength, at + step);
    const bytes = await entry.source.read(start, end, signal);
    signal?.throwIfAborted();
    yield { elementOffset: at / size, bytes };
  }
}

/** A whole tensor in single precision. */
export async function readFloat32(
  entry: TensorEntry,
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  const result = new Float32Array(elementCount(entry.shape));
  for await (const { elementOffset, bytes } of streamTensor(entry, { signal })) {
    const count = bytes.length / BYTES_PER_ELEMENT[entry.dtype];
    toFloat32(bytes, entry.dtype, result.subarray(elementOffset, elementOffset + count));
  }
  return result;
}

/** A stretch of rows that one read brings in. */
type Run = { first: number; last: number };

/** The stretches that cover `rows`, joining those that lie near each other. */
function coalesce(rows: ArrayLike<number>, rowBytes: number): Run[] {
  const gap = 1 + Math.floor(COALESCE_BYTES / Math.max(1, rowBytes));
  const runs: Run[] = [];
  for (const row of Float64Array.from(rows).sort()) {
    const run = runs.at(-1);
    if (run && row <= run.last + gap) run.last = row;
    else runs.push({ first: row, last: row });
  }
  return runs;
}

/**
 * The rows `rows` of a matrix (or of any tensor, along its first dimension) in single precision, in
 * the order given, repeats included: `rows.length` times the row length. Reads only those rows.
 */
export async function readRows(
  entry: TensorEntry,
  rows: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  const count = entry.shape[0] ?? 0;
  const wrong = Array.from(rows).find((row) => !Number.isInteger(row) || row < 0 || row >= count);
  if (wrong !== undefined) {
    throw new EngineError(
      'invalid-argument',
      `tensor "${entry.name}" has no row ${wrong}; its ${count} rows count from 0`,
    );
  }
  const length = rowLength(entry.shape);
  const rowBytes = length * BYTES_PER_ELEMENT[entry.dtype];
  const result = new Float32Array(rows.length * length);
  const placesOf = new Map<number, number[]>();
  for (const [place, row] of Array.from(rows).entries()) {
    const places = placesOf.get(row);
    if (places) places.push(place);
    else placesOf.set(row, [place]);
  }
  const load = async ({ first, last }: Run) => {
    const start = entry.byteOffset + first * rowBytes;
    const end = entry.byteOffset + (last + 1) * rowBytes;
    const bytes = await entry.source.read(start, end, signal);
    for (let row = first; row <= last; row++) {
      const places = placesOf.get(row);
      if (!places) continue;
      const at = (row - first) * rowBytes;
      const values = toFloat32(bytes.subarray(at, at + rowBytes), entry.dtype);
      for (const place of places) result.set(values, place * length);
    }
  };
  await Promise.all(coalesce(rows, rowBytes).map(load));
  signal?.throwIfAborted();
  return result;
}
