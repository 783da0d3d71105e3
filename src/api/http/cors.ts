/**
 * Which pages may read the replies: any, as with the cloud, unless a door chooses otherwise.
 */

/** Answers an HTTP request. */
export type Handle = (request: Request) => Promise<Response>;

const METHODS = 'GET, POST, DELETE, OPTIONS';
const HEADERS = 'content-type, authorization, key, x-requested-with';

/** `handle`, with the headers that let pages of `origin` read its replies, and with answers to what browsers ask before. */
export function withCors(handle: Handle, origin = '*'): Handle {
  return async (request) => {
    if (request.method === 'OPTIONS') {
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': METHODS,
          'access-control-allow-headers': HEADERS,
          'access-control-max-age': '86400',
        },
      });
    }
    const reply = await handle(request);
    const headers = new Headers(reply.headers);
    headers.set('access-control-allow-origin', origin);
    return new Response(reply.body, { status: reply.status, headers });
  };
}
