/**
 * What can go wrong with a download, in words that name the file and the host.
 *
 * Addresses are never told whole: their queries may be signatures or tokens.
 */

import { EngineError } from '../errors.ts';

/** A file under way: what messages call it, and where it comes from. */
export type FileAtHost = {
  /** Path in the store. */
  readonly path: string;
  readonly url: URL;
};

/** An attempt that came to nothing or stopped in the middle, and is worth another one. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** Milliseconds that the server asked to be left alone; undefined when it did not. */
  readonly afterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; afterMs?: number | undefined } = {}) {
    super(message, { cause: options.cause });
    this.afterMs = options.afterMs;
  }
}

/** What a network failure says of itself, and what it hides in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== ''
    ? `${error.message}: ${cause.message}`
    : error.message;
}

/** A length in bytes as people say it: `2.13 GB`, `34 MB`, `512 bytes`. */
export function inWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power < 3 ? 0 : 2)} ${units[power - 1]}`;
}

/** The error for attempts that kept failing. */
export function unreachable(file: FileAtHost, attempts: number, last: Interrupted): EngineError {
  const { path, url } = file;
  return new EngineError(
    'download-failed',
    `${path} could not be downloaded from ${url.host}: ${attempts} attempts in a row got no further. ` +
      `The last one: ${last.message}. What has come is kept; try again when the connection is better.`,
    { detail: { path, host: url.host, attempts }, cause: last },
  );
}

/** The error for a status that another attempt would not change. */
export function refused(file: FileAtHost, response: Response, hadToken: boolean): EngineError {
  const { path, url } = file;
  const { status } = response;
  const detail = { path, host: url.host, status };
  if (status === 401 || status === 403) {
    const said = response.headers.get('x-error-message');
    const remedy = hadToken
      ? `The access token kept for ${url.host} does not open it: check that it is valid, and that its owner has accepted ` +
        "the model's licence on its page there."
      : `If it needs an account, make an access token at ${url.host}, set it here, and accept the model's licence on its ` +
        'page there.';
    return new EngineError(
      'access-denied',
      `${url.host} does not give ${path} to everybody (status ${status}` +
        `${said === null ? '' : `: ${JSON.stringify(said.slice(0, 200))}`}). ${remedy}`,
      { detail: { ...detail, hadToken } },
    );
  }
  const text =
    status === 404 || status === 410
      ? `${url.host} has no ${path} at the address given (status ${status}). Check the address.`
      : `${url.host} answered with status ${status} when asked for ${path}.`;
  return new EngineError('download-failed', text, { detail });
}

/** The error for a web page in place of a file. */
export function webPage(file: FileAtHost): EngineError {
  const { path, url } = file;
  return new EngineError(
    'download-failed',
    `${url.host} answered with a web page when asked for ${path}. Check the address; a network that asks to log in ` +
      'does this, too.',
    { detail: { path, host: url.host } },
  );
}

/** The error for a file whose length is not the one that was promised. */
export function wrongLength(file: FileAtHost, expected: number, actual: string): EngineError {
  const { path, url } = file;
  return new EngineError(
    'integrity-mismatch',
    `${path} at ${url.host} has ${actual}, but ${expected} were expected: it is another file, or was changed.`,
    { detail: { path, host: url.host, expected } },
  );
}

/** The error for a file whose bytes are not the ones that were promised. */
export function wrongDigest(file: FileAtHost, expected: string, actual: string): EngineError {
  const { path, url } = file;
  return new EngineError(
    'integrity-mismatch',
    `${path} came from ${url.host} with the wrong content: its SHA-256 is ${actual}, but ${expected} was expected. ` +
      'Nothing of it is kept. The file was changed on the server, or damaged on the way.',
    { detail: { path, host: url.host, expected, actual } },
  );
}

/** The error for a file that the server keeps replacing while it comes. */
export function keepsChanging(file: FileAtHost): EngineError {
  const { path, url } = file;
  return new EngineError(
    'download-failed',
    `${path} could not be downloaded from ${url.host}: the server says at every attempt that the file has changed.`,
    { detail: { path, host: url.host } },
  );
}

/** What a file that does not fit is told with. */
export type Shortage = {
  readonly path: string;
  /** Bytes that this file still needs; undefined where its length is not known. */
  readonly needed: number | undefined;
  /** Bytes of it that have come. */
  readonly kept: number;
  /** Bytes that other downloads under way still need. */
  readonly promised: number;
  /** Bytes that can be written. */
  readonly free: number;
  /** What could be deleted, and the bytes that would give. */
  readonly others: readonly { readonly path: string; readonly bytes: number }[];
};

/** How many files a message proposes to delete. */
const MOST_PROPOSALS = 5;

/** The error for a file that does not fit, with what is needed, what is free, and what could be deleted. */
export function storageFull(shortage: Shortage): EngineError {
  const { path, needed, kept, promised, free, others } = shortage;
  const deletable = others.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
  const named = deletable
    .slice(0, MOST_PROPOSALS)
    .map(({ path: other, bytes }) => `${other} (${inWords(bytes)})`);
  const more = deletable.length - named.length;
  const list = more > 0 ? [...named, `${more} smaller ones`] : named;
  const sentences = [
    `${path} needs ${needed === undefined ? '' : `${inWords(needed)} `}more on disk, but ${
      free === 0 ? 'no room is left' : `only ${inWords(free)} may be written here`
    }.`,
    promised > 0 ? `Other downloads under way need ${inWords(promised)} of that.` : '',
    list.length > 0
      ? `Room could be made by deleting ${list.join(', ')}, or other files on this disk.`
      : 'Nothing else is stored here; make room on this disk.',
    kept > 0 ? 'What has come is kept.' : '',
  ];
  return new EngineError('storage-full', sentences.filter(Boolean).join(' '), {
    detail: { path, needed, promised, free, deletable },
  });
}
