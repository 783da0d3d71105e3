/**
 * A handler of requests as an HTTP server in Node: who may call is checked before anything is read, and bodies are bounded.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';

import { withCors, type Handle } from '../api/http/cors.ts';
import { errorBody, ERROR_MESSAGES } from '../api/response.ts';
import { objectionTo, type CallerPolicy } from './caller-check.ts';
import { readBody, writeResponse } from './node-http.ts';

/** Options of {@link listen}. */
export type ListenOptions = {
  /** Default 8080; 0: any that is free. */
  readonly port?: number;
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Further names under which the server is reached. */
  readonly hosts?: readonly string[];
  /** Origins of pages that may call; `*`: all. Default none but its own. */
  readonly origins?: readonly string[];
};

/** A server that listens. */
export type Listening = {
  /** Where it is reached, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Ends all connections. */
  close(): Promise<void>;
};

type Answering = {
  readonly handle: Handle;
  readonly policy: CallerPolicy;
  readonly maxBytes: number;
};

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'];

/** Whether an address to listen on is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Starts a server; rejects when the port is taken. Bodies have at most `maxBytes`; `onError` takes what keeps a request from
 * being answered.
 */
export async function listen(
  handle: Handle,
  {
    port = 8080,
    host = '127.0.0.1',
    hosts = [],
    origins = [],
    maxBytes,
    onError,
  }: ListenOptions & {
    readonly maxBytes: number;
    readonly onError: (error: unknown) => void;
  },
): Promise<Listening> {
  const isOpen = !isLoopback(host);
  const names = [
    'localhost',
    '127.0.0.1',
    '[::1]',
    host,
    ...(isOpen ? [hostname()] : []),
    ...hosts,
  ];
  const policy: CallerPolicy = {
    hosts: new Set(names.map((name) => name.toLowerCase())),
    allowsAddresses: isOpen,
    origins: new Set(origins),
  };
  const server = createServer((request, response) => {
    respond(request, response, { handle, policy, maxBytes }).catch((error: unknown) => {
      onError(error);
      response.destroy();
    });
  });
  return {
    url: await listening(server, port, host),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

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
  if (!target.startsWith('/') || !URL.canParse(address))
    return refuse(404, ERROR_MESSAGES.pathUnknown);
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
