/**
 * The HTTP API as one function: requests in, responses out, whoever carries them.
 *
 * What belongs to a door, which pages may call and who has a key, is wrapped around it: see `http/cors.ts` and
 * {@link HandlerOptions.acceptsKey}.
 */

import { answerCall } from './answer.ts';
import type { ApiContext } from './context.ts';
import type { Handle } from './http/cors.ts';
import { fieldsOf, readRequestBody } from './http/read-body.ts';
import { bodyOfError, BAD_KEY_TIP, errorBody, ERROR_MESSAGES } from './response.ts';
import { routeOf, type EndpointName, type Route } from './routes.ts';

/** Options of {@link createHandler}. */
export type HandlerOptions = {
  /** Whether a key opens the API; asked for each place where a request has one. Default: none is needed. */
  readonly acceptsKey?: (key: string) => boolean;
};

const FILES = /^\/(?:api\/)?outputs\/([^/]+)$/;

/** Methods of endpoints that take others than POST. */
const METHODS: Readonly<Partial<Record<EndpointName, readonly string[]>>> = {
  fetch: ['GET', 'HEAD', 'POST', 'DELETE'],
  cancel: ['GET', 'POST', 'DELETE'],
  request_count: ['GET', 'HEAD', 'POST'],
};

/**
 * The API over a context. The function never rejects, and answers everything but files with JSON that has a `status` or is
 * what the API documents without one. The HTTP status is 200, also for errors, but 404 for what does not exist and 413 for
 * a body that is too large.
 */
export function createHandler(context: ApiContext, { acceptsKey }: HandlerOptions = {}): Handle {
  return async (request) => {
    try {
      return await respond(request, context, acceptsKey);
    } catch (error) {
      context.onError(error);
      return json(bodyOfError(error));
    }
  };
}

async function respond(
  request: Request,
  context: ApiContext,
  acceptsKey: HandlerOptions['acceptsKey'],
): Promise<Response> {
  const { method } = request;
  const url = new URL(request.url);
  const name = FILES.exec(url.pathname)?.[1];
  if (name !== undefined) return file(name, context);
  const route = routeOf(url.pathname);
  if (route === undefined) return json(errorBody(ERROR_MESSAGES.pathUnknown), 404);
  if (!(METHODS[route.endpoint] ?? ['POST']).includes(method)) return json(malformed());
  const read =
    method === 'POST' || method === 'DELETE'
      ? await readRequestBody(request, context.settings.maxBodyBytes)
      : { fields: {} };
  if ('problem' in read) {
    const { maxBodyBytes } = context.settings;
    return read.problem === 'malformed'
      ? json(malformed())
      : json(errorBody(`The body is larger than ${maxBodyBytes} bytes.`), 413);
  }
  const body = { ...fieldsOf(url.searchParams), ...read.fields };
  if (acceptsKey !== undefined && !keysOf(request, body).some(acceptsKey)) {
    return json(errorBody(ERROR_MESSAGES.badKey, BAD_KEY_TIP));
  }
  const { endpoint, version, id } = cancelled(route, method);
  const { origin } = url;
  return json(await answerCall(endpoint, { version, body, pathId: id, origin }, context));
}

/** DELETE on a job is its cancelling. */
function cancelled(route: Route, method: string): Route {
  return method === 'DELETE' ? { ...route, endpoint: 'cancel' } : route;
}

/** Every key that a request has: in the body or the query, or in one of two headers. */
function keysOf({ headers }: Request, { key }: Readonly<Record<string, unknown>>): string[] {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.get('authorization') ?? '')?.[1];
  return [key, headers.get('key'), bearer].filter((each) => typeof each === 'string');
}

async function file(name: string, { queue }: ApiContext): Promise<Response> {
  const blob = await queue.file(name);
  if (blob === undefined) return json(errorBody(`There is no file ${name}.`), 404);
  return new Response(blob, { headers: { 'content-type': blob.type } });
}

function malformed(): object {
  return errorBody(ERROR_MESSAGES.badRequest, BAD_KEY_TIP);
}

function json(body: unknown, status = 200): Response {
  return Response.json(body, { status });
}
