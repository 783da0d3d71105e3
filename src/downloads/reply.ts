/**
 * What a server's answer to a request for the rest of a file means.
 *
 * Every request asks for a range, from 0 too: then no browser lets the server compress the body, which
 * would make its length useless. `If-Range` is not used. In a browser it would need a preflight, which the
 * hosts that hubs redirect to do not answer; comparing the validators of the answer does the same.
 */

import { Interrupted, refused, webPage, type FileAtHost } from './failures.ts';

/** What tells one version of a file from another. Headers that a page may not read are undefined. */
export type Validators = {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Length of the whole file in bytes. */
  readonly length: number | undefined;
};

/** What to do with an answer. */
export type Reply =
  /** The body holds the file from byte `from`, to its end. */
  | { readonly kind: 'body'; readonly from: number; readonly validators: Validators }
  /** The file ends where the part does. */
  | { readonly kind: 'complete' }
  /** The server has no such range: the file is empty, or another one than before. */
  | { readonly kind: 'no-such-range' };

/** What was asked for, and what was known before. */
export type Asked = {
  /** First byte of the range. */
  readonly from: number;
  /** Length of the whole file, as the server told it earlier. */
  readonly length?: number | undefined;
  readonly hadToken: boolean;
};

/** Longest wait that a server may ask for, in milliseconds. */
const LONGEST_WAIT_MS = 120_000;

/**
 * Reads the status and the headers of an answer to a request for everything from byte `from`.
 *
 * Throws {@link Interrupted} where a later attempt may do better, and an EngineError where it would not.
 */
export function readReply(
  file: FileAtHost,
  response: Response,
  { from, length, hadToken }: Asked,
): Reply {
  const { status, headers } = response;
  if (response.ok && isWebPage(headers) && !/\.html?$/i.test(file.path)) throw webPage(file);
  if (status === 206) return partial(response, from);
  if (status === 200) {
    return { kind: 'body', from: 0, validators: validators(headers, contentLength(headers)) };
  }
  if (status === 416) {
    const total = /^bytes \*\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
    const isWhole =
      from > 0 && total !== undefined && Number(total) === from && (length ?? from) === from;
    return { kind: isWhole ? 'complete' : 'no-such-range' };
  }
  if (status >= 500 || [408, 425, 429].includes(status)) {
    throw new Interrupted(`${file.url.host} answered with status ${status}`, {
      afterMs: retryAfter(headers.get('retry-after')),
    });
  }
  throw refused(file, response, hadToken);
}

/** Whether the file is surely the one that the part came from; undefined when nothing tells. */
export function isSame(before: Partial<Validators>, now: Validators): boolean | undefined {
  const differ = (a: unknown, b: unknown): boolean => a !== undefined && b !== undefined && a !== b;
  if (differ(before.length, now.length)) return false;
  if (before.etag !== undefined && now.etag !== undefined) return before.etag === now.etag;
  if (before.lastModified === undefined || now.lastModified === undefined) return undefined;
  return before.lastModified === now.lastModified;
}

/** Log-in pages of networks and hosts come with status 200. */
function isWebPage(headers: Headers): boolean {
  return /^text\/html\b/i.test(headers.get('content-type') ?? '');
}

function partial({ headers }: Response, asked: number): Reply {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  const [, first, total] = range ?? [];
  const from = first === undefined ? asked : Number(first);
  const rest = contentLength(headers);
  const fallback = rest === undefined ? undefined : from + rest;
  const length = total === undefined || total === '*' ? fallback : Number(total);
  return { kind: 'body', from, validators: validators(headers, length) };
}

function validators(headers: Headers, length: number | undefined): Validators {
  return {
    etag: headers.get('etag') ?? undefined,
    lastModified: headers.get('last-modified') ?? undefined,
    length,
  };
}

/** Length of the body as it arrives; undefined when it is compressed in spite of all, or not told. */
function contentLength(headers: Headers): number | undefined {
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') return undefined;
  const text = headers.get('content-length');
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds that a Retry-After header asks for, as seconds or as a date. */
function retryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_WAIT_MS);
}
