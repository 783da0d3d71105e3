/**
 * Recorded calls of real clients, sent over HTTP to the server in Node: those where the way matters.
 */

import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

import type { Handle } from '../../../src/api/http/cors.ts';
import { listen } from '../../../src/doors/node-listen.ts';
import { checkCase } from '../../../tools/conformance/requests/check-case.ts';
import { readRequestCases } from '../../../tools/conformance/requests/run.ts';
import { sent } from './serve-support.ts';

const WAYS =
  /preflight|form-encoded|GET|DELETE|invalid key|unknown path|trailing comma|data URIs|PHP|Python|SDK/;

const cases = readRequestCases(fileURLToPath(new URL('../../requests', import.meta.url))).filter(
  ([, { name }]) => WAYS.test(name),
);

test('there are recorded calls of every way', () => {
  expect(cases.length).toBeGreaterThan(12);
});

test.each(cases.map(([, one]) => [one.name, one] as const))('%s', async (_, one) => {
  expect(await checkCase(one, overHttp)).toEqual([]);
});

/** `handle` behind a server of its own, which is asked as under the host that the request names. */
function overHttp(handle: Handle): Handle {
  const starting = listen(handle, {
    port: 0,
    origins: ['*'],
    maxBytes: 2 ** 20,
    onError: (error) => {
      throw error;
    },
  });
  onTestFinished(async () => (await starting).close());
  return async (request) => {
    const { host, pathname, search } = new URL(request.url);
    const { status, headers, bytes } = await sent(await starting, {
      path: pathname + search,
      method: request.method,
      headers: { ...Object.fromEntries(request.headers), host },
      body: await request.text(),
    });
    return new Response(status === 204 ? null : bytes, {
      status,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, String(value)]),
      ),
    });
  };
}
