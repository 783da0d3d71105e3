/**
 * One request by XMLHttpRequest that is answered here: its states and events, in the order of the standard
 * (https://xhr.spec.whatwg.org/), told of by events that the XMLHttpRequest itself gets.
 */

import type { AnswerHere } from './patched-fetch.ts';

const OPENED = 1;
const HEADERS_RECEIVED = 2;
const LOADING = 3;
const DONE = 4;

/** Kinds of bodies that XMLHttpRequest sends and `Request` takes as well. */
type Body = string | Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer> | FormData | URLSearchParams;

/** See the file's header. */
export class LocalExchange {
  /** As `XMLHttpRequest.readyState`. */
  readyState = OPENED;
  readonly #xhr: XMLHttpRequest;
  readonly #method: string;
  readonly #url: URL;
  readonly #isAsync: boolean;
  readonly #answer: AnswerHere;
  readonly #headers = new Headers();
  #isSent = false;
  #response: Response | undefined;
  #body: ArrayBuffer = new ArrayBuffer();
  #value: { readonly value: unknown } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    xhr: XMLHttpRequest,
    { method, url, isAsync }: { method: string; url: URL; isAsync: boolean },
    answer: AnswerHere,
  ) {
    this.#xhr = xhr;
    this.#method = method;
    this.#url = url;
    this.#isAsync = isAsync;
    this.#answer = answer;
  }

  /** As `XMLHttpRequest.status`: 0 before there is a reply, and without one. */
  get status(): number {
    return this.#response?.status ?? 0;
  }

  /** As `XMLHttpRequest.statusText`. */
  get statusText(): string {
    return this.status === 200 ? 'OK' : '';
  }

  /** As `XMLHttpRequest.responseURL`. */
  get responseURL(): string {
    return this.#response === undefined ? '' : this.#url.href;
  }

  /** As `XMLHttpRequest.responseText`, with its InvalidStateError. */
  get responseText(): string {
    const { responseType } = this.#xhr;
    if (responseType === '' || responseType === 'text') return this.#text();
    throw new DOMException(`The response is of type ${responseType}.`, 'InvalidStateError');
  }

  /** As `XMLHttpRequest.response`: the same object every time. */
  get response(): unknown {
    const { responseType } = this.#xhr;
    if (responseType === '' || responseType === 'text') return this.#text();
    if (this.readyState !== DONE || this.#response === undefined) return null;
    this.#value ??= { value: this.#converted(responseType) };
    return this.#value.value;
  }

  /** As `XMLHttpRequest.setRequestHeader`. */
  setRequestHeader(name: string, value: string): void {
    this.#mustBeOpen();
    this.#headers.append(name, value);
  }

  /** As `XMLHttpRequest.getResponseHeader`. */
  getResponseHeader(name: string): string | null {
    return this.#response?.headers.get(name) ?? null;
  }

  /** As `XMLHttpRequest.getAllResponseHeaders`. */
  getAllResponseHeaders(): string {
    return [...(this.#response?.headers ?? [])]
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  }

  /** As `XMLHttpRequest.send`; a request that would block throws a NetworkError. */
  send(body: unknown): void {
    this.#mustBeOpen();
    if (!this.#isAsync) {
      this.readyState = DONE;
      throw new DOMException(
        'A synchronous request to this address cannot be answered: the page that waits is the one that answers. Pass true as the third argument of open().',
        'NetworkError',
      );
    }
    this.#isSent = true;
    const hasBody = body !== null && body !== undefined && !/^(?:GET|HEAD)$/i.test(this.#method);
    const request = new Request(this.#url, {
      method: this.#method,
      headers: this.#headers,
      ...(hasBody ? { body: sendable(body) } : {}),
    });
    this.#tell('loadstart');
    if (hasBody)
      for (const type of ['loadstart', 'progress', 'load', 'loadend']) this.#upload(type);
    if (this.#xhr.timeout > 0) {
      this.#timer = setTimeout(() => this.#fail('timeout'), this.#xhr.timeout);
    }
    this.#receive(request).catch(() => this.#fail('error'));
  }

  /** As `XMLHttpRequest.abort`. */
  abort(): void {
    if (this.#isSent && this.readyState !== DONE) this.#fail('abort');
    if (this.readyState === DONE) this.readyState = 0;
    this.#response = undefined;
    this.drop();
  }

  /** Ends it without a word, as another `open` does. */
  drop(): void {
    this.#isSent = false;
    clearTimeout(this.#timer);
  }

  async #receive(request: Request): Promise<void> {
    const response = await this.#answer(request);
    const body = await response.arrayBuffer();
    if (!this.#isSent || this.readyState === DONE) return;
    clearTimeout(this.#timer);
    this.#response = response;
    this.#enter(HEADERS_RECEIVED);
    // Whoever listens may abort or open another.
    if (!this.#goesOn(HEADERS_RECEIVED)) return;
    this.#body = body;
    this.#enter(LOADING);
    if (!this.#goesOn(LOADING)) return;
    this.#tell('progress');
    if (!this.#goesOn(LOADING)) return;
    this.#enter(DONE);
    if (!this.#goesOn(DONE)) return;
    this.#tell('load');
    this.#tell('loadend');
  }

  #goesOn(state: number): boolean {
    return this.#isSent && this.readyState === state && this.#response !== undefined;
  }

  #fail(type: 'abort' | 'error' | 'timeout'): void {
    if (!this.#isSent || this.readyState === DONE) return;
    clearTimeout(this.#timer);
    this.#response = undefined;
    this.#body = new ArrayBuffer();
    this.#enter(DONE);
    this.#tell(type);
    this.#tell('loadend');
  }

  #enter(state: number): void {
    this.readyState = state;
    this.#xhr.dispatchEvent(new Event('readystatechange'));
  }

  #tell(type: string): void {
    const { byteLength } = this.#body;
    this.#xhr.dispatchEvent(
      new ProgressEvent(type, {
        lengthComputable: byteLength > 0,
        loaded: byteLength,
        total: byteLength,
      }),
    );
  }

  #upload(type: string): void {
    this.#xhr.upload.dispatchEvent(new ProgressEvent(type));
  }

  #text(): string {
    return this.readyState < LOADING ? '' : new TextDecoder().decode(this.#body);
  }

  #converted(type: XMLHttpRequestResponseType): unknown {
    switch (type) {
      case 'arraybuffer':
        return this.#body;
      case 'blob':
        return new Blob([this.#body], { type: this.getResponseHeader('content-type') ?? '' });
      case 'json':
        try {
          return JSON.parse(this.#text()) as unknown;
        } catch {
          return null;
        }
      default:
        // The API has no documents.
        return null;
    }
  }

  #mustBeOpen(): void {
    if (this.readyState === OPENED && !this.#isSent) return;
    throw new DOMException('The state is not OPENED.', 'InvalidStateError');
  }
}

function sendable(body: unknown): Body {
  const isKnown =
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    body instanceof FormData ||
    body instanceof URLSearchParams;
  if (isKnown) return body;
  return ArrayBuffer.isView(body) ? (body as ArrayBufferView<ArrayBuffer>) : String(body);
}
