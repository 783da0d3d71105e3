/**
 * Requests that hang are as good as lost: fetch with a limit on silence.
 */

import { isEngineError } from '../errors.ts';
import { Interrupted, reasonOf } from './failures.ts';

/** What sends requests: the platform's `fetch`, or one that reaches less. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** A request, and how it is given up. */
export type RequestOptions = {
  readonly fetch: Fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Milliseconds of silence after which the connection counts as lost. */
  readonly stallMs: number;
};

/** An answer whose body is read piece by piece. */
export type Answer = {
  readonly response: Response;
  /** The next bytes; undefined at the end. Throws {@link Interrupted} when the connection is lost. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Lets the connection go; the rest of the body is not wanted. */
  drop(): void;
};

/**
 * Asks for `url`, following redirects, without cookies and past the browser's cache, which would keep a
 * second copy. Throws {@link Interrupted} when nobody answers, the signal's reason once that aborts, and EngineError
 * `access-denied` where `fetch` does.
 */
export async function request(url: URL, options: RequestOptions): Promise<Answer> {
  const { fetch, headers, signal, stallMs } = options;
  const ended = new AbortController();
  const seconds = Math.round(stallMs / 1000);
  const silence = new Interrupted(`${url.host} sent nothing for ${seconds} seconds`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = async <T>(work: Promise<T>): Promise<T> => {
    timer = setTimeout(() => ended.abort(silence), stallMs);
    try {
      return await work;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Interrupted || isForbidden(error)) throw error;
      throw new Interrupted(`the connection to ${url.host} failed (${reasonOf(error)})`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await listen(
    fetch(url, {
      headers,
      signal: AbortSignal.any([signal, ended.signal]),
      cache: 'no-store',
      credentials: 'omit',
    }),
  );
  const reader = response.body?.getReader();
  return {
    response,
    async next() {
      if (reader === undefined) return undefined;
      const { done, value } = await listen(reader.read());
      return done ? undefined : value;
    },
    drop: () => ended.abort(),
  };
}

/** Whether a request was not sent because it may not be; another attempt would not be, either. */
function isForbidden(error: unknown): boolean {
  return isEngineError(error) && error.code === 'access-denied';
}
