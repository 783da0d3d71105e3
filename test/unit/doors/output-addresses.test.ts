/**
 * Addresses in replies, where nothing serves pictures and where something does.
 */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { carriedResponse, type Answer } from '../../../src/doors/carried.ts';
import { withWorkingAddresses } from '../../../src/doors/output-addresses.ts';

const ORIGIN = 'https://app.example';
const served = (name: string): string => `${ORIGIN}/api/outputs/${name}`;
const REQUEST = { url: 'https://modelslab.com/api/v3/fetch/1', method: 'POST', headers: [] };

let files: Set<string>;
let reply: object;

const ask: Answer = ({ url }) => {
  const { pathname } = new URL(url);
  if (pathname.startsWith('/api/v3')) return carriedResponse(Response.json(reply));
  const isThere = files.has(pathname.slice('/api/outputs/'.length));
  return carriedResponse(new Response('a picture', { status: isThere ? 200 : 404 }));
};

beforeEach(() => {
  vi.stubGlobal('location', new URL(ORIGIN));
  files = new Set(['a.png']);
  reply = {
    status: 'success',
    id: 7,
    output: [served('a.png'), 'https://elsewhere.example/b.png', ''],
    future_links: [served('c.png')],
    meta: { seed: 1, link: served('a.png'), tip: null },
  };
});

afterEach(() => vi.unstubAllGlobals());

async function answered(isServed: boolean, answer?: Answer): Promise<Record<string, unknown>> {
  const door = answer ?? withWorkingAddresses(ask, () => Promise.resolve(isServed));
  const { body } = await door(REQUEST);
  return JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
}

test('a reply is left as it is where pictures are served', async () => {
  expect(await answered(true)).toEqual(reply);
});

test('a picture gets one blob address otherwise, and what is not there yet none', async () => {
  const door = withWorkingAddresses(ask, () => Promise.resolve(false));
  const first = await answered(false, door);
  const [address] = first['output'] as string[];
  expect(address).toMatch(/^blob:/);
  expect(await (await fetch(address ?? '')).text()).toBe('a picture');
  expect(first).toEqual({
    ...reply,
    output: [address, 'https://elsewhere.example/b.png', ''],
    future_links: [],
    meta: { seed: 1, link: address, tip: null },
  });
  expect(await answered(false, door)).toEqual(first);
});

test('a picture that comes later gets its address then', async () => {
  const door = withWorkingAddresses(ask, () => Promise.resolve(false));
  reply = { output: served('later.png') };
  expect(await answered(false, door)).toEqual({ output: '' });
  files.add('later.png');
  expect((await answered(false, door))['output']).toMatch(/^blob:/);
});

test.each([
  ['text', 'text/plain', served('a.png')],
  ['nothing', 'application/json', ''],
])('what is no JSON stays as it is: %s', async (_, type, text) => {
  const headers = { 'content-type': type };
  const answer: Answer = () => carriedResponse(new Response(text, { headers }));
  const door = withWorkingAddresses(answer, () => Promise.resolve(false));
  expect(new TextDecoder().decode((await door(REQUEST)).body)).toBe(text);
});
