/**
 * `fetch` and `navigator.sendBeacon` that keep the API's addresses on this machine.
 */

import type { IsOurs } from './api-address.ts';

/** Answers a request on this machine; never rejects. */
export type AnswerHere = (request: Request) => Promise<Response>;

/** Replaces `fetch` and, where there is one, `navigator.sendBeacon`. */
export function patchFetch(isOurs: IsOurs, answer: AnswerHere): void {
  const native = globalThis.fetch.bind(globalThis);
  globalThis.fetch = async (input, init) => {
    const url = addressOf(input);
    if (url === undefined || !isOurs(url)) return native(input, init);
    const request =
      input instanceof Request ? new Request(input, init) : requestAt(url, input, init);
    const { signal } = request;
    signal.throwIfAborted();
    return Promise.race([answer(request), abortOf(signal)]);
  };
  patchBeacon(isOurs, answer);
}

/** The complete address of a request; undefined when it has none. */
export function addressOf(input: unknown): URL | undefined {
  // Requests of another window, and of libraries that have their own, are told by their form.
  const text =
    typeof input === 'object' && input !== null && 'url' in input
      ? String(input.url)
      : String(input);
  const base = baseAddress();
  return URL.canParse(text, base) ? new URL(text, base) : undefined;
}

/** A request to `url`; what may be of another window is read as if it were options. */
function requestAt(url: URL, input: unknown, init: RequestInit | undefined): Request {
  if (typeof input !== 'object' || input instanceof URL) return new Request(url, init);
  const { method, headers, body, signal } = input as Partial<Request>;
  const own: RequestInit & { duplex?: 'half' } = {
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers: new Headers([...headers]) }),
    ...(body === undefined || body === null ? {} : { body, duplex: 'half' }),
    ...(signal === undefined ? {} : { signal }),
  };
  return new Request(url, { ...own, ...init });
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function patchBeacon(isOurs: IsOurs, answer: AnswerHere): void {
  const { navigator } = globalThis as { navigator: Partial<Navigator> };
  const native = navigator.sendBeacon?.bind(navigator);
  if (native === undefined) return;
  navigator.sendBeacon = (address, data) => {
    const url = addressOf(address);
    if (url === undefined || !isOurs(url)) return native(address, data);
    void answer(new Request(url, { method: 'POST', body: data ?? null }));
    return true;
  };
}

/** What relative addresses are relative to. */
function baseAddress(): string {
  return 'document' in globalThis ? document.baseURI : location.href;
}
