/**
 * A web server that does to downloads what servers and networks do, on request.
 *
 * Files are hosted with a description of what shall go wrong, in Node by {@link HostileServer.host}, from a
 * browser by posting the same description to `/control/host`; what waits is released by posting its path to
 * `/control/release`. The server counts the bytes it sends. It has two origins, so that one can redirect to
 * the other. Like hubs, it lets every page read and send a token, and answers no preflight for anything else.
 */

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { patternBytes } from './pattern-bytes.ts';

/** A hosted file and what goes wrong with it: by default nothing. */
export type Hosted = {
  /** Bytes of the file, made by {@link patternBytes}. */
  readonly size: number;
  readonly seed?: number;
  /** Sent instead of the pattern. */
  readonly text?: string;
  /** Sent instead of the pattern, where it is no text. */
  readonly base64?: string;
  /** Default: one made of the seed; null for none. */
  readonly etag?: string | null;
  /** Whether every answer has another ETag. */
  readonly isRestless?: boolean;
  readonly lastModified?: string;
  /** Whether ranges are understood. Default true. */
  readonly ranges?: boolean;
  /** Bytes after which every connection ends. */
  readonly dropEvery?: number;
  /** Milliseconds between chunks of `chunkBytes`. Default 0. */
  readonly pauseMs?: number;
  /** Default 65536. */
  readonly chunkBytes?: number;
  /** Whether the length is kept secret. */
  readonly chunked?: boolean;
  /** Length that is claimed in place of the true one. */
  readonly claims?: number;
  /** Position of a byte that is sent wrong. */
  readonly flips?: number;
  /** Position of a byte that is sent wrong once, and right from then on. */
  readonly flipsOnce?: number;
  /** Statuses of the first answers. */
  readonly statuses?: readonly number[];
  readonly retryAfter?: string;
  /** Address to redirect to. */
  readonly redirect?: string;
  /** Token without which the answer is 401. */
  readonly token?: string;
  /** What the file becomes when so many bytes were sent. */
  readonly becomes?: { readonly after: number; readonly file: Hosted };
  /** Number of requests that never get an answer. */
  readonly hangs?: number;
  /** Number of answers that stop in the middle without an end. */
  readonly stalls?: number;
  /** Bytes of a body after which the server waits for {@link HostileServer.release}. */
  readonly holdsAt?: number;
  /** Whether pages may read ETag and Content-Range. Default true. */
  readonly exposes?: boolean;
  readonly type?: string;
  readonly link?: string;
};

/** One request that came. */
export type Seen = {
  readonly method: string;
  readonly path: string;
  /** Host and port it was sent to. */
  readonly host: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Bytes of the body sent so far. */
  sent: number;
};

/** What bodies wait for. */
class Gate {
  /** Called to let them on. */
  open: () => void = () => undefined;
  /** Resolves when that was called. */
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

/** See the file's header. */
export class HostileServer {
  readonly #servers: readonly Server[];
  readonly #files = new Map<string, Hosted>();
  readonly #gates = new Map<string, Gate>();
  /** All requests so far, but those for control. */
  readonly seen: Seen[] = [];

  private constructor() {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    };
    this.#servers = [createServer(answer), createServer(answer)];
  }

  /** Starts on two free ports of this machine. */
  static async start(): Promise<HostileServer> {
    const server = new HostileServer();
    for (const listener of server.#servers) {
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** The two origins. */
  get origins(): readonly [string, string] {
    const [first, second] = this.#servers.map(
      (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    return [first!, second!];
  }

  /** Hosts a file and returns its address at the first origin; forgets what was sent of it before. */
  host(path: string, file: Hosted): string {
    this.#files.set(path, file);
    this.#gates.set(path, new Gate());
    const rest = this.seen.filter((request) => request.path !== path);
    this.seen.splice(0, this.seen.length, ...rest);
    return `${this.origins[0]}/${path}`;
  }

  /** Sends the rest of a file that {@link Hosted.holdsAt} holds back. */
  release(path: string): void {
    this.#gates.get(path)?.open();
  }

  /** Requests for a file, in order. */
  requests(path: string): Seen[] {
    return this.seen.filter((request) => request.path === path);
  }

  /** Bytes of a file that were sent, all requests together. */
  sent(path: string): number {
    return this.requests(path).reduce((sum, { sent }) => sum + sent, 0);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').slice(1);
    if (path.startsWith('control/')) return this.#control(path.slice(8), request, response);
    const { range, authorization, host = '' } = request.headers;
    const { method = '' } = request;
    const seen: Seen = { method, path, host, range, authorization, sent: 0 };
    const earlier = this.requests(path).filter((other) => other.method === 'GET').length;
    this.seen.push(seen);
    const hosted = this.#files.get(path);
    response.setHeaders(new Headers(corsHeaders(hosted)));
    if (method === 'OPTIONS') {
      response.writeHead(204).end();
      return undefined;
    }
    if (hosted === undefined) {
      response.writeHead(404).end();
      return undefined;
    }
    const { becomes } = hosted;
    const file = becomes !== undefined && this.sent(path) >= becomes.after ? becomes.file : hosted;
    await answerFile(file, earlier, seen, response, this.#gates.get(path)?.opened);
    return undefined;
  }

  async #control(verb: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeaders(new Headers(corsHeaders(undefined)));
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (verb === 'host') {
      const { path, file } = JSON.parse(text) as { path: string; file: Hosted };
      this.host(path, file);
    }
    if (verb === 'release') this.release(JSON.parse(text) as string);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(verb === 'seen' ? this.seen : null));
  }
}

function corsHeaders(file: Hosted | undefined): Record<string, string> {
  return {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'authorization',
    ...(file?.exposes === false
      ? {}
      : { 'access-control-expose-headers': 'ETag, Content-Range, Link, Retry-After' }),
  };
}

async function answerFile(
  file: Hosted,
  earlier: number,
  seen: Seen,
  response: ServerResponse,
  released: Promise<void> | undefined,
): Promise<void> {
  const { size, statuses = [], redirect, token, hangs = 0, ranges = true } = file;
  const status = statuses[earlier];
  if (earlier < hangs) return;
  if (status !== undefined) {
    const headers = file.retryAfter === undefined ? {} : { 'retry-after': file.retryAfter };
    response.writeHead(status, headers).end('not now');
    return;
  }
  if (token !== undefined && seen.authorization !== `Bearer ${token}`) {
    response.writeHead(401, { 'x-error-message': 'Invalid credentials' }).end();
    return;
  }
  if (redirect !== undefined) {
    response.writeHead(302, { location: redirect }).end();
    return;
  }
  const asked = /^bytes=(\d+)-$/.exec(seen.range ?? '')?.[1];
  const start = ranges && asked !== undefined ? Number(asked) : undefined;
  if (start !== undefined && start >= size) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(start === undefined ? 200 : 206, bodyHeaders(file, start, earlier));
  await sendBody(file, start ?? 0, earlier, seen, response, released);
}

function bodyHeaders(
  file: Hosted,
  start: number | undefined,
  earlier: number,
): OutgoingHttpHeaders {
  const { size, seed = 1, claims = size, isRestless = false } = file;
  const { etag = `"seed ${seed}, ${size} bytes${isRestless ? `, ${earlier}` : ''}"` } = file;
  const headers: OutgoingHttpHeaders = { 'content-type': file.type ?? 'application/octet-stream' };
  if (etag !== null) headers['etag'] = etag;
  if (file.lastModified !== undefined) headers['last-modified'] = file.lastModified;
  if (file.link !== undefined) headers['link'] = file.link;
  if (file.chunked !== true) headers['content-length'] = claims - (start ?? 0);
  if (start !== undefined) headers['content-range'] = `bytes ${start}-${claims - 1}/${claims}`;
  return headers;
}

async function sendBody(
  file: Hosted,
  start: number,
  earlier: number,
  seen: Seen,
  response: ServerResponse,
  released: Promise<void> | undefined,
): Promise<void> {
  const { size, dropEvery = Infinity, chunkBytes = 65536, pauseMs = 0 } = file;
  const { flips, flipsOnce, holdsAt = Infinity } = file;
  const bytes = bytesOf(file);
  if (flips !== undefined) bytes[flips]! ^= 1;
  if (flipsOnce !== undefined && earlier === 0) bytes[flipsOnce]! ^= 1;
  const isStalled = earlier < (file.stalls ?? 0);
  const end = Math.min(size, start + dropEvery, isStalled ? start + size / 2 : size);
  for (let at = start; at < end && !response.destroyed; at += chunkBytes) {
    if (at >= holdsAt) await released;
    const chunk = bytes.subarray(at, Math.min(at + chunkBytes, end));
    await new Promise((resolve) => response.write(chunk, resolve));
    seen.sent += chunk.length;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  if (isStalled) return;
  if (end === size && file.claims === undefined) {
    response.end();
    return;
  }
  // What was sent shall be read before the connection is seen to end.
  await sleep(30);
  response.socket?.end();
}

function bytesOf({ size, seed = 1, text, base64 }: Hosted): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return text === undefined ? patternBytes(size, seed) : new TextEncoder().encode(text);
}
