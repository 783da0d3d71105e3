/**
 * Requests that a page in the browser sends and that a handler in the test answers, through what is installed in the page.
 */

import type { Page } from 'playwright';

import type { Handle } from '../../../src/api/http/cors.ts';

type Carried = {
  readonly url: string;
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: number[];
};

type CarriedReply = {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: number[];
};

declare global {
  /** What answers the requests of test/e2e/cloud-app/stub.js. */
  function answerInTest(request: Carried): Promise<CarriedReply>;
}

/** How a page sends a request. */
export type Sender = 'fetch' | 'XMLHttpRequest';

/** Answers for `page`, whose script tag names stub.js; the function that comes back changes who answers. */
export async function answerFor(page: Page): Promise<(handle: Handle) => void> {
  let current: Handle | undefined;
  await page.exposeFunction('answerInTest', async (carried: Carried): Promise<CarriedReply> => {
    if (current === undefined) throw new Error('nobody answers yet');
    const { url, method, headers, body } = carried;
    const hasBody = body.length > 0;
    const request = new Request(url, {
      method,
      headers,
      ...(hasBody ? { body: new Uint8Array(body) } : {}),
    });
    return carriedReply(await current(request));
  });
  return (handle) => (current = handle);
}

/** Sends each request to the cloud's host, from `page`. */
export function sentFrom(page: Page, sender: Sender): Handle {
  return async (request) => {
    const { method, headers } = request;
    const { pathname, search } = new URL(request.url);
    const body = [...new Uint8Array(await request.arrayBuffer())];
    const url = `https://modelslab.com${pathname}${search}`;
    const carried = { url, method, headers: [...headers], body };
    const send = sender === 'fetch' ? sendByFetch : sendByXhr;
    const reply = await page.evaluate(send, carried);
    const bytes = new Uint8Array(reply.body);
    return new Response(bytes.length === 0 ? null : bytes, reply);
  };
}

async function carriedReply(response: Response): Promise<CarriedReply> {
  const { status, headers } = response;
  const body = [...new Uint8Array(await response.arrayBuffer())];
  return { status, headers: [...headers], body };
}

async function sendByFetch({ url, method, headers, body }: Carried): Promise<CarriedReply> {
  const response = await fetch(url, {
    method,
    headers,
    ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = [...new Uint8Array(await response.arrayBuffer())];
  return { status: response.status, headers: [...response.headers], body: bytes };
}

function sendByXhr({ url, method, headers, body }: Carried): Promise<CarriedReply> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.responseType = 'arraybuffer';
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    xhr.addEventListener('error', reject);
    xhr.addEventListener('load', () => {
      const lines = xhr.getAllResponseHeaders().trim().split('\r\n');
      resolve({
        status: xhr.status,
        headers: lines.map((line): [string, string] => {
          const [name = '', ...value] = line.split(': ');
          return [name, value.join(': ')];
        }),
        body: [...new Uint8Array(xhr.response as ArrayBuffer)],
      });
    });
    xhr.send(body.length === 0 ? null : new Uint8Array(body));
  });
}
