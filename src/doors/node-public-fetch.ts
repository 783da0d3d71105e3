/**
 * Fetches what requests name, images and webhooks, but from nowhere that only this machine or its network can reach: a
 * request must not make the server its messenger there.
 *
 * What counts is the address that a connection is really made to, after the name is looked up and again after every
 * redirect; the connection uses the very addresses that were checked.
 */

import { lookup } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';

import { EngineError, isEngineError } from '../errors.ts';

/** Options of {@link publicFetch}. */
export type PublicFetchOptions = {
  /** Whether addresses of this machine and its networks are reached as well. Default no. */
  readonly allowsPrivate?: boolean;
  /** Addresses that are reached wherever they lie, such as the outputs of servers that the user configured. */
  readonly isTrusted?: (url: URL) => boolean;
  /** Most bytes of a reply; undefined: the body is passed on as it comes, however long. Default 32 MiB. */
  readonly maxBytes?: number | undefined;
};

const MAX_REDIRECTS = 5;

/** IPv4 blocks that are not of the public internet, as IANA's registry of special purposes has them. */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** What lies in 2000::/3, the public part of IPv6, and is not public or carries an IPv4 address. */
const PRIVATE_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const privateV4 = new BlockList();
for (const [net, bits] of PRIVATE_V4) privateV4.addSubnet(net, bits, 'ipv4');
const privateV6 = new BlockList();
for (const [net, bits] of PRIVATE_V6) privateV6.addSubnet(net, bits, 'ipv6');
const publicV6 = new BlockList();
publicV6.addSubnet('2000::', 3, 'ipv6');
const mappedV4 = new BlockList();
mappedV4.addSubnet('::ffff:0:0', 96, 'ipv6');

/** Whether an IP address is not one of the public internet; an IPv4 address within an IPv6 one counts as itself. */
export function isPrivateAddress(address: string): boolean {
  if (!isIPv6(address)) return privateV4.check(address, 'ipv4');
  const plain = address.replace(/%.*$/, '');
  if (mappedV4.check(plain, 'ipv6')) return privateV4.check(plain, 'ipv6');
  return !publicV6.check(plain, 'ipv6') || privateV6.check(plain, 'ipv6');
}

/**
 * A `fetch` for addresses that come with requests: of http and https alone, without cookies or keys; redirects of GET
 * requests are followed.
 *
 * The function rejects with an EngineError: `access-denied` for what it does not reach, `download-failed` for the rest.
 */
export function publicFetch(
  options: PublicFetchOptions = {},
): (url: string | URL, init: RequestInit) => Promise<Response> {
  const { allowsPrivate = false, isTrusted = () => false } = options;
  const maxBytes = 'maxBytes' in options ? options.maxBytes : 32 * 2 ** 20;
  return async (address, init) => {
    let url = new URL(address);
    const headers = new Headers(init.headers);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const message = await sent(url, { ...init, headers }, allowsPrivate || isTrusted(url));
      const { statusCode = 0, headers: told } = message;
      const isRedirect = statusCode >= 300 && statusCode < 400 && told.location !== undefined;
      if (!isRedirect || (init.method ?? 'GET') !== 'GET') {
        return maxBytes === undefined ? passedOn(message) : received(message, maxBytes);
      }
      message.destroy();
      if (!URL.canParse(told.location ?? '', url.href)) break;
      const next = new URL(told.location ?? '', url.href);
      // A token is for the host that it was given for.
      if (next.origin !== url.origin) headers.delete('authorization');
      url = next;
    }
    throw new EngineError('download-failed', 'it redirects without end.');
  };
}

async function sent(url: URL, init: RequestInit, isFree: boolean): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) {
    throw new EngineError('access-denied', 'only http and https addresses are fetched.');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!isFree && isIP(host) !== 0 && isPrivateAddress(host)) throw refused(url);
  const { method = 'GET', body = null, headers, signal } = init;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method,
        headers: {
          accept: '*/*',
          'accept-encoding': 'identity',
          'user-agent': 'local-diffusion',
          ...Object.fromEntries(new Headers(headers)),
        },
        // No connection of earlier requests, whose address was looked up then.
        agent: false,
        lookup: isFree ? lookup : checkedLookup(url),
        ...(signal === null || signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    request.on('error', (error: Error) => reject(reasonOf(error, signal ?? undefined)));
    request.end(typeof body === 'string' ? body : undefined);
  });
}

/** Looks a name up and refuses it when one of its addresses is private. */
function checkedLookup(url: URL): LookupFunction {
  return (host, options, callback) => {
    lookup(host, options, (error, found, family) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
      const isBad = error === null && addresses.some(isPrivateAddress);
      callback(isBad ? refused(url) : error, found, family);
    });
  };
}

async function received(message: IncomingMessage, maxBytes: number): Promise<Response> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of message as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) {
        throw new EngineError('download-failed', `it is larger than ${maxBytes} bytes.`);
      }
      parts.push(part);
    }
  } catch (error) {
    throw isEngineError(error) ? error : reasonOf(error as Error, undefined);
  } finally {
    message.destroy();
  }
  const { statusCode: status = 200, headers } = message;
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  const type = headers['content-type'];
  return new Response(hasBody ? Uint8Array.from(Buffer.concat(parts)) : null, {
    status: status < 200 || status > 599 ? 502 : status,
    headers: type === undefined ? {} : { 'content-type': type },
  });
}

/** A reply whose body comes as it is read. */
function passedOn(message: IncomingMessage): Response {
  const { statusCode = 200, headers } = message;
  const told = Object.entries(headers).filter(([, value]) => typeof value === 'string');
  const status = statusCode < 200 || statusCode > 599 ? 502 : statusCode;
  const hasBody = ![204, 205, 304].includes(status);
  if (!hasBody) message.destroy();
  const body = hasBody
    ? (Readable.toWeb(message) as ReadableStream<Uint8Array<ArrayBuffer>>)
    : null;
  return new Response(body, { status, headers: told as [string, string][] });
}

function refused({ hostname }: URL): EngineError {
  const message = `${hostname} is an address of this machine or its network, and the server reaches those only with --allow-private.`;
  return new EngineError('access-denied', message);
}

/** What a connection failed of, for people; an abort stays what it is. */
function reasonOf(error: Error, signal: AbortSignal | undefined): unknown {
  if (isEngineError(error)) return error;
  if (signal?.aborted === true) return signal.reason;
  const { code = error.message } = error as NodeJS.ErrnoException;
  return new EngineError('download-failed', `the server cannot be reached (${code}).`, {
    cause: error,
  });
}
