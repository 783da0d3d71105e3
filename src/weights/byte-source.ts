/**
 * Random access to bytes in a Blob, in memory, or in a part of another source.
 *
 * Every source checks its ranges, hands out memory that the caller may keep, and rejects with the
 * signal's own reason once aborted. A file on disk in Node is in `node-file-source.ts`.
 */

import { EngineError } from '../errors.ts';
import type { ByteSource } from './checkpoint.ts';

/** Throws unless `start ... end` is a range of whole bytes inside a source of `size` bytes. */
export function checkRange(
  source: { name: string; size: number },
  start: number,
  end: number,
): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (whole && start >= 0 && start <= end && end <= source.size) return;
  throw new EngineError(
    'invalid-argument',
    `cannot read bytes ${start} to ${end} of ${source.name}, which has ${source.size}`,
    { detail: { name: source.name, size: source.size, start, end } },
  );
}

/** The failure of a source that delivered fewer bytes than it promised, or none at all. */
export function unreadable(name: string, reason: string, cause?: unknown): EngineError {
  return new EngineError(
    'model-malformed',
    `${name} could not be read: ${reason}. If the file was changed, moved or deleted, choose it again.`,
    cause === undefined ? { detail: { name } } : { detail: { name }, cause },
  );
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it aborts. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** A source over a Blob or File; only the ranges asked for are brought into memory. */
export function blobSource(blob: Blob, name: string): ByteSource {
  const read: ByteSource['read'] = async (start, end, signal) => {
    signal?.throwIfAborted();
    checkRange({ name, size: blob.size }, start, end);
    let buffer: ArrayBuffer;
    try {
      buffer = await unlessAborted(blob.slice(start, end).arrayBuffer(), signal);
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreadable(name, cause instanceof Error ? cause.message : String(cause), cause);
    }
    if (buffer.byteLength !== end - start) {
      throw unreadable(name, `${buffer.byteLength} bytes came where ${end - start} were asked for`);
    }
    return new Uint8Array(buffer);
  };
  return { name, size: blob.size, read };
}

/** A source over bytes in memory; reads are copies. */
export function bufferSource(bytes: Uint8Array, name: string): ByteSource {
  const read: ByteSource['read'] = async (start, end, signal) => {
    signal?.throwIfAborted();
    checkRange({ name, size: bytes.length }, start, end);
    const copy = new Uint8Array(end - start);
    copy.set(bytes.subarray(start, end));
    return copy;
  };
  return { name, size: bytes.length, read };
}

/** Bytes `start` to `end` of another source as a source of their own. */
export function subSource(
  source: ByteSource,
  range: { start: number; end: number; name?: string },
): ByteSource {
  const { start: base, end: limit, name = source.name } = range;
  checkRange(source, base, limit);
  const size = limit - base;
  const read: ByteSource['read'] = async (start, end, signal) => {
    checkRange({ name, size }, start, end);
    return source.read(base + start, base + end, signal);
  };
  return { name, size, read };
}
