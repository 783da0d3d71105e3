/**
 * The server in Node: who is answered, who is refused, and what it reaches for others.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

import { isPrivateAddress } from '../../../src/doors/node-public-fetch.ts';
import { imageType } from '../../../src/image/image-type.ts';
import { greyServer, plainServer, posted, sent, type Json } from './serve-support.ts';

const PROMPT = { prompt: 'a cat', width: 64, height: 64 };

describe('a request', () => {
  test('from curl is answered, and its picture is there', async () => {
    const { url } = await greyServer();
    const curl = promisify(execFile);
    const type = ['-H', 'Content-Type: application/json'];
    const { stdout } = await curl('curl', [
      '-sS',
      ...type,
      '-d',
      JSON.stringify(PROMPT),
      `${url}/api/v3/text2img`,
    ]);
    const { status, output } = JSON.parse(stdout) as { status: string; output: string[] };
    expect(status).toBe('success');
    const picture = await fetch(output[0] ?? '');
    expect(imageType(new Uint8Array(await picture.arrayBuffer()))).toBe('image/png');
    expect(Object.fromEntries(picture.headers)).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
  });

  test('may send back the address of a picture, though that is a private one', async () => {
    const server = await greyServer();
    const first = await posted(server, 'v3/text2img', PROMPT);
    const [init_image] = first['output'] as string[];
    const second = await posted(server, 'v3/img2img', { ...PROMPT, init_image });
    expect(second).toMatchObject({ status: 'success' });
    expect(server.drawn[1]?.images.init_image).toMatchObject({ width: 64, height: 64 });
  });

  test('of JSON that is broken is refused', async () => {
    const { status, text } = await sent(await greyServer(), {
      path: '/api/v3/text2img',
      body: '{"prompt":',
    });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ status: 'error', message: 'Invalid API Request' });
  });

  test.each([
    ['whose length is told', {}],
    ['whose length is not told', { 'transfer-encoding': 'chunked' }],
  ])('with a body too large, %s, is refused with 413', async (_, headers) => {
    const server = await greyServer({ settings: { maxBodyBytes: 1000 } });
    const body = JSON.stringify({ prompt: 'x'.repeat(300_000) });
    const reply = await sent(server, { path: '/api/v3/text2img', body, headers });
    expect(reply.status).toBe(413);
    expect(JSON.parse(reply.text)).toMatchObject({ status: 'error' });
    expect(server.drawn).toEqual([]);
  });

  test('of a method that is not used is refused with 405', async () => {
    const { status, text } = await sent(await greyServer(), { method: 'PUT' });
    expect([status, (JSON.parse(text) as Json)['status']]).toEqual([405, 'error']);
  });

  test.each(['http://example.com/api/v3/system_load', '*', '//example.com/api'])(
    'for %s is no path of the API',
    async (path) => {
      expect((await sent(await greyServer(), { path })).status).toBe(404);
    },
  );
});

describe('a key', () => {
  test.each([
    ['wrong', { key: 'rigHt' }],
    ['longer', { key: 'right!' }],
    ['missing', {}],
  ])('that is %s does not open', async (_, fields) => {
    const server = await greyServer({ key: 'right' });
    const reply = await posted(server, 'v3/text2img', { ...PROMPT, ...fields });
    expect(reply).toMatchObject({ status: 'error', message: 'Invalid Api Key' });
    expect(server.drawn).toEqual([]);
  });

  test('that is right opens', async () => {
    const server = await greyServer({ key: 'right' });
    const reply = await posted(server, 'v3/text2img', { ...PROMPT, key: 'right' });
    expect(reply).toMatchObject({ status: 'success' });
  });

  test('is needed to listen beyond this machine', async () => {
    await expect(greyServer({ host: '0.0.0.0' })).rejects.toThrow('needs a key');
    await expect(greyServer({ host: '0.0.0.0', key: '' })).rejects.toThrow('needs a key');
    const server = await greyServer({ host: '0.0.0.0', key: 'right' });
    expect((await sent(server, { headers: { host: '192.168.1.5:80' } })).status).toBe(200);
    expect((await sent(server, { headers: { host: 'rebound.example' } })).status).toBe(403);
  });
});

describe('a host', () => {
  test.each(['127.0.0.1', 'localhost:1234', 'LOCALHOST', '[::1]:80', 'mine.example'])(
    'called %s is this one',
    async (host) => {
      const server = await greyServer({ hosts: ['mine.example'] });
      expect((await sent(server, { headers: { host } })).status).toBe(200);
    },
  );

  test.each(['rebound.example', '127.0.0.1.rebound.example', '192.168.1.5', 'localhost:80@x'])(
    'called %j is refused with 403',
    async (host) => {
      const { status, text } = await sent(await greyServer(), { headers: { host } });
      expect([status, (JSON.parse(text) as Json)['status']]).toEqual([403, 'error']);
    },
  );
});

describe('a page', () => {
  test.each(['https://foreign.example', 'http://localhost:5173', 'null'])(
    'of %s is refused, its question before too',
    async (origin) => {
      const server = await greyServer();
      for (const method of ['POST', 'OPTIONS']) {
        const reply = await sent(server, { method, headers: { origin } });
        expect(reply.status).toBe(403);
        expect(reply.headers).not.toHaveProperty('access-control-allow-origin');
      }
    },
  );

  test('of an origin that is allowed is answered, and no other', async () => {
    const server = await greyServer({ origins: ['https://mine.example'] });
    const mine = { origin: 'https://mine.example' };
    const before = await sent(server, { method: 'OPTIONS', headers: mine });
    const reply = await sent(server, { headers: mine });
    expect([before.status, reply.status]).toEqual([204, 200]);
    for (const { headers } of [before, reply]) {
      expect(headers['access-control-allow-origin']).toBe('https://mine.example');
    }
    const other = await sent(server, { headers: { origin: 'https://mine.example.evil' } });
    expect(other.status).toBe(403);
  });

  test('of any origin is answered where all are allowed', async () => {
    const server = await greyServer({ origins: ['*'] });
    const { headers } = await sent(server, { headers: { origin: 'https://foreign.example' } });
    expect(headers['access-control-allow-origin']).toBe('*');
  });

  test('cannot cancel jobs by pretending to show a picture, but shows pictures', async () => {
    const server = await greyServer();
    const { output } = await posted(server, 'v3/text2img', PROMPT);
    const { pathname } = new URL((output as string[])[0] ?? '');
    const headers = { 'sec-fetch-site': 'cross-site' };
    const path = '/api/v3/cancel/1';
    expect((await sent(server, { method: 'GET', path, headers })).status).toBe(403);
    expect((await sent(server, { method: 'GET', path: pathname, headers })).status).toBe(200);
  });
});

describe('an address in a request', () => {
  test.each([
    'http://127.0.0.1:PORT/a.png',
    'http://localhost:PORT/a.png',
    'http://2130706433:PORT/a.png',
    'http://[::1]:PORT/a.png',
    'http://[::ffff:127.0.0.1]:PORT/a.png',
    'http://0.0.0.0:PORT/a.png',
    'http://169.254.169.254/latest/meta-data',
    'http://10.1.2.3/a.png',
  ])('%s is not reached', async (address) => {
    const neighbour = await plainServer();
    const server = await greyServer();
    const init_image = address.replace('PORT', new URL(neighbour.url).port);
    const { message } = await posted(server, 'v3/img2img', { ...PROMPT, init_image });
    expect(message).toEqual({ init_image: [expect.stringContaining('--allow-private')] });
    expect([neighbour.seen, server.drawn]).toEqual([[], []]);
  });

  test('is reached where private ones are allowed', async () => {
    const neighbour = await plainServer({ '/moved': { status: 302, location: '/a.png' } });
    const server = await greyServer({ allowsPrivate: true });
    const init_image = `${neighbour.url}/moved`;
    const reply = await posted(server, 'v3/img2img', { ...PROMPT, init_image });
    expect(reply).toMatchObject({ status: 'success' });
    expect(neighbour.seen).toEqual(['/moved', '/a.png']);
  });

  test('that redirects to a private one is followed no further', async () => {
    const neighbour = await plainServer();
    const trusted = await plainServer({
      '/api/outputs/a.png': { status: 302, location: `${neighbour.url}/secret` },
    });
    // What other servers drew is reached; what else lies on their machines is not.
    const server = await greyServer({ upstreams: [{ url: trusted.url }] });
    const asked = async (path: string): Promise<unknown> => {
      const init_image = trusted.url + path;
      return (await posted(server, 'v3/img2img', { ...PROMPT, init_image }))['message'];
    };
    const refused = { init_image: [expect.stringContaining('--allow-private')] };
    expect(await asked('/api/outputs/a.png')).toEqual(refused);
    expect(await asked('/secret')).toEqual(refused);
    expect([trusted.seen, neighbour.seen]).toEqual([['/api/outputs/a.png'], []]);
  });

  test('that redirects for ever, or sends without end, is given up', async () => {
    const neighbour = await plainServer({
      '/round': { status: 302, location: '/round' },
      '/much': { status: 200, body: new Uint8Array(33 * 2 ** 20) },
      '/gone': { status: 404 },
    });
    const server = await greyServer({ allowsPrivate: true });
    const asked = async (path: string): Promise<unknown> => {
      const init_image = neighbour.url + path;
      return (await posted(server, 'v3/img2img', { ...PROMPT, init_image }))['message'];
    };
    expect(await asked('/round')).toEqual({
      init_image: [expect.stringContaining('redirects without end')],
    });
    expect(await asked('/much')).toEqual({ init_image: [expect.stringContaining('larger than')] });
    expect(await asked('/gone')).toEqual({ init_image: [expect.stringContaining('404')] });
  });

  test('of a webhook is not reached either, and whoever runs the server hears of it', async () => {
    const neighbour = await plainServer();
    const server = await greyServer();
    await posted(server, 'v3/text2img', { ...PROMPT, webhook: `${neighbour.url}/hook` });
    await expect
      .poll(() => server.logged)
      .toEqual([expect.stringMatching(/127\.0\.0\.1.*--allow-private/)]);
    expect(neighbour.seen).toEqual([]);
  });
});

test.each([
  ['8.8.8.8', false],
  ['172.15.0.1', false],
  ['172.16.0.1', true],
  ['100.64.0.1', true],
  ['255.255.255.255', true],
  ['2606:4700:4700::1111', false],
  ['::ffff:8.8.8.8', false],
  ['::ffff:192.168.0.1', true],
  ['64:ff9b::7f00:1', true],
  ['2002:7f00:1::', true],
  ['fe80::1%eth0', true],
  ['fd00::1', true],
  ['::', true],
])('%s is private: %s', (address, isPrivate) => {
  expect(isPrivateAddress(address)).toBe(isPrivate);
});
