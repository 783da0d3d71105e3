/**
 * The API as an HTTP server in Node, for programs on this machine: curl, Python, PHP.
 *
 * It listens on loopback. Beyond that it is reached only when both an address and a key are given. Nothing of a request goes
 * anywhere but to the addresses that it names, and to upstreams that were configured, when it asks for those.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';

import type { Artist } from '../api/artist.ts';
import { apiContext, type Settings } from '../api/context.ts';
import { createHandler } from '../api/handler.ts';
import { withCors, type Handle } from '../api/http/cors.ts';
import type { ModelRegistry } from '../api/model-registry.ts';
import { servedLinks } from '../api/outputs.ts';
import { errorBody } from '../api/response.ts';
import type { Upstream } from '../api/upstream.ts';
import { EngineError } from '../errors.ts';
import { JobQueue } from '../jobs/job-queue.ts';
import { memoryStorage } from '../jobs/memory-storage.ts';
import { objectionTo, type CallerPolicy } from './caller-check.ts';
import { readBody, writeResponse } from './node-http.ts';
import { publicFetch } from './node-public-fetch.ts';

/** Options of {@link serve}. */
export type ServeOptions = {
  readonly artist: Artist;
  readonly models: ModelRegistry;
  /** Default 8080; 0: any that is free. */
  readonly port?: number;
  /** The address to listen on. Default `127.0.0.1`; others need a key. */
  readonly host?: string;
  /** What requests must have as their key. Default: none is asked for. */
  readonly key?: string;
  /** Further names under which the server is reached. */
  readonly hosts?: readonly string[];
  /** Origins of pages that may call; `*`: all. Default none but its own. */
  readonly origins?: readonly string[];
  /** Whether images and webhooks may lie in private networks. Default no. */
  readonly allowsPrivate?: boolean;
  /** Other servers, for requests that say `loadbalancer: "yes"`. Default none. */
  readonly upstreams?: readonly Upstream[];
  readonly settings?: Partial<Settings>;
  /** Takes what only whoever runs the server should know. Default: it is dropped. */
  readonly log?: (text: string) => void;
};

/** A server that listens. */
export type Serving = {
  /** Where it is reached, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Cancels all jobs and ends all connections. */
  close(): Promise<void>;
};

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'];

/**
 * Starts a server.
 *
 * @throws EngineError `invalid-argument` for an address beyond loopback without a key; Error when the port is taken.
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { port = 8080, host = '127.0.0.1', key, upstreams = [], log = () => undefined } = options;
  const isLoopback = LOOPBACK.test(host);
  if (!isLoopback && (key === undefined || key === '')) {
    throw new EngineError(
      'invalid-argument',
      `host: ${host} is reached by other machines, and that needs a key.`,
    );
  }
  const queue = new JobQueue({ storage: memoryStorage() });
  const fetchPublic = publicFetch({
    allowsPrivate: options.allowsPrivate ?? false,
    isTrusted: (url) => isOutputOf(url, upstreams),
  });
  const context = apiContext({
    artist: options.artist,
    models: options.models,
    queue,
    links: servedLinks(),
    upstreams,
    settings: options.settings ?? {},
    onError: (error) =>
      log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    fetch: async (url, init) => {
      try {
        return await fetchPublic(url, init);
      } catch (error) {
        // Of a webhook that is not reached, nobody else hears.
        if (error instanceof EngineError) log(`${new URL(url).origin}: ${error.message}`);
        throw error;
      }
    },
  });
  const handle = createHandler(context, key === undefined ? {} : { acceptsKey: sameAs(key) });
  const policy: CallerPolicy = {
    hosts: new Set(
      [
        'localhost',
        '127.0.0.1',
        '[::1]',
        ...(isLoopback ? [] : [hostname()]),
        host,
        ...(options.hosts ?? []),
      ].map((name) => name.toLowerCase()),
    ),
    allowsAddresses: !isLoopback,
    origins: new Set(options.origins),
  };
  const server = createServer((request, response) => {
    respond(request, response, { handle, policy, maxBytes: context.settings.maxBodyBytes }).catch(
      (error: unknown) => {
        context.onError(error);
        response.destroy();
      },
    );
  });
  return {
    url: await listening(server, port, host),
    close: async () => {
      await queue.clear();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Answering = {
  readonly handle: Handle;
  readonly policy: CallerPolicy;
  readonly maxBytes: number;
};

async function respond(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { handle, policy, maxBytes }: Answering,
): Promise<void> {
  const { method = 'GET', headers, url: target = '/' } = incoming;
  const refuse = (status: number, message: string): Promise<void> =>
    writeResponse(outgoing, incoming, Response.json(errorBody(message), { status }));
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  const pathname = target.replace(/[?#].*$/s, '');
  const caller = { host, origin, site: typeof site === 'string' ? site : undefined, pathname };
  const objection = objectionTo(caller, policy);
  if (objection !== undefined) return refuse(403, objection);
  if (!METHODS.includes(method)) return refuse(405, `The method ${method} is not used here.`);
  // A path after a host, never an address of its own, so that the host is the one that was checked.
  const address = `http://${host}${target}`;
  if (!target.startsWith('/') || !URL.canParse(address)) return refuse(404, 'Endpoint not found');
  const body = await readBody(incoming, maxBytes);
  if (body === undefined) return refuse(413, `The body is larger than ${maxBytes} bytes.`);
  const request = new Request(address, {
    method,
    headers: headersOf(incoming),
    ...(method === 'POST' || method === 'DELETE' ? { body } : {}),
  });
  const answer = policy.origins.has('*')
    ? withCors(handle)
    : origin === undefined
      ? handle
      : withCors(handle, origin);
  await writeResponse(outgoing, incoming, await answer(request));
}

function headersOf({ headers }: IncomingMessage): Headers {
  return new Headers(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    ),
  );
}

/** Compares keys in a time that tells nothing of where they differ. */
function sameAs(key: string): (other: string) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const own = digest(key);
  return (other) => timingSafeEqual(own, digest(other));
}

function isOutputOf(url: URL, upstreams: readonly Upstream[]): boolean {
  return (
    url.pathname.startsWith('/api/outputs/') &&
    upstreams.some((upstream) => new URL(upstream.url).origin === url.origin)
  );
}

function listening(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { address, port: taken } = server.address() as AddressInfo;
      // All addresses are no address that a client could use.
      const name = /^(?:0\.0\.0\.0|::)$/.test(address) ? '127.0.0.1' : address;
      resolve(`http://${name.includes(':') ? `[${name}]` : name}:${taken}`);
    });
  });
}
