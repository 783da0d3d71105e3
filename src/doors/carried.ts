/**
 * Requests and responses as plain data, which messages between pages and workers can carry.
 */

import type { ErrorBody } from '../api/response.ts';

/** A request, its body whole. */
export type CarriedRequest = {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Absent: none. */
  readonly body?: ArrayBuffer;
};

/** A response, its body whole. */
export type CarriedResponse = {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: ArrayBuffer;
};

/** Answers a request; never rejects. */
export type Answer = (request: CarriedRequest) => Promise<CarriedResponse>;

/** Reads `request` to its end. */
export async function carriedRequest(request: Request): Promise<CarriedRequest> {
  const { url, method, headers } = request;
  const body = await request.arrayBuffer();
  const head = { url, method, headers: [...headers] };
  return body.byteLength === 0 ? head : { ...head, body };
}

/** The request that `carried` stands for. */
export function requestFrom({ url, method, headers, body }: CarriedRequest): Request {
  return new Request(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body }),
  });
}

/** Reads `response` to its end. */
export async function carriedResponse(response: Response): Promise<CarriedResponse> {
  const { status, headers } = response;
  return { status, headers: [...headers], body: await response.arrayBuffer() };
}

/** The response that `carried` stands for, as if it had come from `url`. */
export function responseFrom({ status, headers, body }: CarriedResponse, url: string): Response {
  const response = new Response(status === 204 || body.byteLength === 0 ? null : body, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  });
  return Object.defineProperty(response, 'url', { value: url });
}

/** A reply that says why there is no better one, in the API's words for errors, with their status of 200. */
export function refusal(message: string): CarriedResponse {
  const body: ErrorBody = { status: 'error', message, messege: message };
  return {
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['access-control-allow-origin', '*'],
    ],
    body: new TextEncoder().encode(JSON.stringify(body)).buffer,
  };
}
