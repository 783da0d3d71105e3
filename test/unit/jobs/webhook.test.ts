/**
 * Webhooks, told to a real server.
 */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/jobs/clock.ts';
import { callWebhook } from '../../../src/jobs/webhook.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const received: { method: string | undefined; type: string | undefined; body: string }[] = [];
let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const { method, headers, url } = request;
      received.push({ method, type: headers['content-type'], body });
      if (url !== '/silent') response.writeHead(url === '/refuses' ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

test('the payload arrives as JSON, by POST', async () => {
  const payload = { status: 'success', id: 7, track_id: 'mine', output: ['a'] };
  const isTaken = await callWebhook(`${address}/`, payload, { clock: systemClock, post: fetch });
  expect(isTaken).toBe(true);
  const { method, type, body = '' } = received.at(-1) ?? {};
  expect({ method, type }).toEqual({ method: 'POST', type: 'application/json' });
  expect(JSON.parse(body)).toEqual(payload);
});

test('an address that refuses or is away is no error', async () => {
  const options = { clock: systemClock, post: fetch };
  expect(await callWebhook(`${address}/refuses`, {}, options)).toBe(false);
  expect(await callWebhook('http://127.0.0.1:1/', {}, options)).toBe(false);
  expect(await callWebhook('nonsense', {}, options)).toBe(false);
});

test('an address that never answers is given up after half a minute', async () => {
  const clock = fakeClock();
  const call = callWebhook(`${address}/silent`, {}, { clock, post: fetch });
  await clock.advance(30_000);
  expect(await call).toBe(false);
});
