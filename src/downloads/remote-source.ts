/**
 * A file read where it is, on a server: for headers, which tell what a large file is before it is downloaded.
 */

import { EngineError } from '../errors.ts';
import { checkRange } from '../weights/byte-source.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import { BackOff } from './back-off.ts';
import { Interrupted, refused, unreachable, type FileAtHost } from './failures.ts';
import type { HubContext } from './hub.ts';
import { readReply } from './reply.ts';
import { request } from './request.ts';
import { authorization } from './tokens.ts';

/** Bytes of the beginning that are kept: most headers lie within. */
const HEAD_BYTES = 2 ** 19;

/** Bytes that are skipped where a server has no ranges; beyond them a file is not read from within. */
const MOST_SKIPPED = 64 * 2 ** 20;

/** What reading takes. */
export type RemoteContext = Omit<HubContext, 'lists'>;

/** Bytes of a file, and its length as far as the server tells it. */
type Piece = { readonly bytes: Uint8Array; readonly length: number | undefined };

/** Opens the file at an address. Errors are those of a download. */
export async function remoteSource(file: FileAtHost, context: RemoteContext): Promise<ByteSource> {
  const { path: name, url } = file;
  const { bytes: head, length: size } = await piece(file, 0, HEAD_BYTES, context);
  if (size === undefined) {
    throw new EngineError(
      'download-failed',
      `${url.host} does not tell how long ${name} is, so it cannot be looked at there: download it, and add it from disk.`,
      { detail: { host: url.host, path: name } },
    );
  }
  return {
    name,
    size,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      checkRange({ name, size }, start, end);
      if (end <= head.length) return head.slice(start, end);
      const both =
        signal === undefined ? context.signal : AbortSignal.any([context.signal, signal]);
      const { bytes } = await piece(file, start, end, { ...context, signal: both });
      if (bytes.length === end - start) return bytes.slice();
      const message = `${url.host} sent ${bytes.length} bytes of ${name} where ${end - start} were asked for.`;
      throw new EngineError('download-failed', message, { detail: { host: url.host, path: name } });
    },
  };
}

/** Bytes `start` to `end`, or to the file's end; a lost connection is tried again. */
async function piece(
  file: FileAtHost,
  start: number,
  end: number,
  context: RemoteContext,
): Promise<Piece> {
  const { clock, signal } = context;
  const backOff = new BackOff(clock);
  for (;;) {
    try {
      return await attempt(file, start, end, context);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interrupted)) throw error;
      if (!backOff.mayRetry()) throw unreachable(file, backOff.failures, error);
      await backOff.wait(error, signal);
    }
  }
}

async function attempt(
  file: FileAtHost,
  start: number,
  end: number,
  { fetch, tokens, stallMs, signal }: RemoteContext,
): Promise<Piece> {
  const { url } = file;
  const headers = await authorization(url, tokens);
  // An open end, for then the length of what is left tells that of the file where pages may not read the range's.
  const range = { ...headers, range: `bytes=${start}-` };
  const answer = await request(url, { fetch, headers: range, stallMs, signal });
  try {
    const { response } = answer;
    const hadToken = 'authorization' in headers;
    const reply = readReply(file, response, { from: start, hadToken });
    if (reply.kind === 'no-such-range' && start === 0)
      return { bytes: new Uint8Array(), length: 0 };
    if (reply.kind !== 'body') throw refused(file, response, hadToken);
    const skipped = start - reply.from;
    if (skipped < 0 || skipped > MOST_SKIPPED) {
      const message = `${url.host} has no ranges, so ${file.path} cannot be looked at there: download it, and add it from disk.`;
      throw new EngineError('download-failed', message, { detail: { host: url.host } });
    }
    const bytes = new Uint8Array(end - start);
    let [at, filled] = [reply.from, 0];
    while (filled < bytes.length) {
      const next = await answer.next();
      if (next === undefined) break;
      const wanted = next.subarray(Math.max(0, start - at)).subarray(0, bytes.length - filled);
      bytes.set(wanted, filled);
      filled += wanted.length;
      at += next.length;
    }
    return { bytes: bytes.subarray(0, filled), length: reply.validators.length };
  } finally {
    answer.drop();
  }
}
