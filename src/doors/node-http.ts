/**
 * Between Node's HTTP messages and the platform's: bodies read whole and bounded, replies with the headers that every one of
 * them has.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of a refused body that are read and dropped, so that whoever sends it gets to read why. */
const DROPPED = 64 * 2 ** 20;

/**
 * What keeps a reply from being anything but data, in any page: https://owasp.org/www-project-secure-headers/. Pictures
 * may be shown in isolated pages too; nothing is cached, for the queue forgets.
 */
const HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  vary: 'Origin',
};

/** The body of a request; undefined when it is larger than `maxBytes`. Rejects when the connection ends before it does. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const parts: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const take = (part: Buffer): void => {
      length += part.length;
      if (length <= maxBytes) {
        parts.push(part);
        return;
      }
      request.off('data', take);
      resolve(undefined);
    };
    request.on('data', take);
    request.on('end', () => resolve(Uint8Array.from(Buffer.concat(parts))));
    request.on('close', () => reject(new Error('the request was cut off')));
  });
}

/** Sends a response; the rest of a body that was not read is dropped, up to a limit, and the connection closed. */
export async function writeResponse(
  outgoing: ServerResponse,
  request: IncomingMessage,
  response: Response,
): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const isWhole = request.complete;
  outgoing.writeHead(response.status, {
    ...HEADERS,
    ...Object.fromEntries(response.headers),
    ...(response.status === 204 ? {} : { 'content-length': String(body.length) }),
    ...(isWhole ? {} : { connection: 'close' }),
  });
  outgoing.end(request.method === 'HEAD' ? undefined : body);
  if (isWhole) return;
  let dropped = 0;
  request.on('data', (part: Buffer) => {
    dropped += part.length;
    if (dropped > DROPPED) request.destroy();
  });
}
