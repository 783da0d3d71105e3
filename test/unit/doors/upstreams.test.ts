/**
 * `loadbalancer: "yes"`: several servers behind one, over real connections.
 */

import { describe, expect, test } from 'vitest';

import { Client } from '../../../src/api/client.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';
import { deadAddress, greyServer, plainServer, posted, type Json } from './serve-support.ts';

const REQUEST = { prompt: 'a cat', width: 64, height: 64, loadbalancer: 'yes' };
const PATH = 'v1/enterprise/text2img';

/** Draws until it is told to stop. */
function gate(): { draw: () => Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { draw: () => opened, open };
}

describe('a request that asks for other servers', () => {
  test('is drawn by the one of them that lives, with its own key', async () => {
    const living = await greyServer({ key: 'theirs' });
    const front = await greyServer({
      key: 'ours',
      upstreams: [{ url: await deadAddress() }, { url: living.url, key: 'theirs' }],
    });
    const reply = await posted(front, PATH, { ...REQUEST, key: 'ours' });
    expect(reply).toMatchObject({ status: 'success' });
    expect([front.drawn.length, living.drawn.length]).toEqual([0, 1]);
    const [picture = ''] = reply['output'] as string[];
    expect(picture).toContain(living.url);
    expect((await fetch(picture)).headers.get('content-type')).toBe('image/png');
    // And what they drew can be sent back here, though it lies at a private address.
    const next = await posted(front, 'v3/img2img', {
      prompt: 'a dog',
      key: 'ours',
      init_image: picture,
    });
    expect(next).toMatchObject({ status: 'success' });
  });

  test('does not leave this machine with a wrong key, or when it does not ask', async () => {
    const other = await plainServer();
    const front = await greyServer({ key: 'ours', upstreams: [{ url: other.url }] });
    await posted(front, PATH, { ...REQUEST, key: 'wrong' });
    await posted(front, PATH, { ...REQUEST, key: 'ours', loadbalancer: 'no' });
    await posted(front, PATH, { prompt: 'a cat', key: 'ours' });
    expect(other.seen).toEqual([]);
    expect(front.drawn).toHaveLength(2);
  });

  test('goes to the server that would begin soonest', async () => {
    const { draw, open } = gate();
    const busy = await greyServer({ draw });
    const idle = await greyServer();
    const waiting = posted(busy, PATH, { prompt: 'a dog' });
    await expect.poll(() => busy.drawn.length).toBe(1);
    const front = await greyServer({ upstreams: [{ url: busy.url }, { url: idle.url }] });
    expect(await posted(front, PATH, REQUEST)).toMatchObject({ status: 'success' });
    expect([busy.drawn.length, idle.drawn.length]).toEqual([1, 1]);
    open();
    await waiting;
  });

  test('goes to the next one when the first fails, and to none that hands it on', async () => {
    const failing = await greyServer({ draw: () => Promise.reject(new Error('out of paint')) });
    const behind = await greyServer();
    const second = await greyServer({ upstreams: [{ url: behind.url }] });
    const front = await greyServer({ upstreams: [{ url: failing.url }, { url: second.url }] });
    expect(await posted(front, PATH, REQUEST)).toMatchObject({ status: 'success' });
    const drawn = [failing, second, behind, front].map((server) => server.drawn.length);
    expect(drawn).toEqual([1, 1, 0, 0]);
    expect(failing.logged).toEqual([expect.stringContaining('out of paint')]);
  });

  test('is drawn here when no other server would, with a word about why', async () => {
    const moved = await plainServer({
      '/api/v3/system_load': { status: 307, location: 'http://127.0.0.1:1/' },
    });
    const dead = await deadAddress();
    const front = await greyServer({ upstreams: [{ url: dead }, { url: moved.url }] });
    const reply = await posted(front, PATH, REQUEST);
    expect(reply).toMatchObject({ status: 'success' });
    const [warning] = (reply['warnings'] as string[]).filter((one) => one.startsWith('loadb'));
    expect(warning).toMatch(/^loadbalancer: no other server would draw .*; drawn here\.$/);
    expect(warning).toContain(new URL(dead).host);
    expect(warning).toContain(new URL(moved.url).host);
    expect(front.drawn).toHaveLength(1);
  });

  test('sends along the pictures that lie here', async () => {
    const other = await greyServer();
    const front = await greyServer({ upstreams: [{ url: other.url }] });
    const { output } = await posted(front, 'v3/text2img', {
      prompt: 'a dog',
      width: 64,
      height: 64,
    });
    const [init_image] = output as string[];
    const reply = await posted(front, 'v1/enterprise/img2img', { ...REQUEST, init_image });
    expect(reply).toMatchObject({ status: 'success' });
    expect(other.drawn[0]?.images.init_image).toMatchObject({ width: 64, height: 64 });
  });
});

describe('a job that another server draws', () => {
  test('is asked for and fetched here', async () => {
    const { draw, open } = gate();
    const other = await greyServer({ draw, key: 'theirs', settings: { waitSeconds: 0.01 } });
    const upstreams = [{ url: `${other.url}/`, key: 'theirs' }];
    const front = await greyServer({ upstreams });
    // So that numbers of jobs differ.
    await posted(front, 'v3/text2img', { prompt: 'a dog', width: 64, height: 64 });
    const reply = await posted(front, PATH, REQUEST);
    expect(reply).toMatchObject({ status: 'processing', id: 2 });
    const address = new URL(String(reply['fetch_result']));
    expect(address.origin).toBe(front.url);
    const fetched = (): Promise<Json> => posted(front, address.pathname.slice('/api/'.length), {});
    expect(await fetched()).toMatchObject({ status: 'processing', id: 2 });
    open();
    await expect.poll(fetched).toMatchObject({ status: 'success', id: 2 });
    await other.close();
    expect(await fetched()).toMatchObject({ status: 'failed' });
  });

  test('is cancelled there', async () => {
    const { draw, open } = gate();
    const other = await greyServer({ draw, settings: { waitSeconds: 0.01 } });
    const front = await greyServer({ upstreams: [{ url: other.url }] });
    const { id } = await posted(front, PATH, REQUEST);
    expect(await posted(front, 'v3/cancel', { request_id: id })).toMatchObject({
      status: 'success',
    });
    expect(await posted(other, 'v3/fetch/1', {})).toMatchObject({
      status: 'failed',
      message: 'cancelled',
    });
    open();
  });
});

describe('a client of a page', () => {
  const nothing = (): Promise<never> => Promise.reject(new Error('drawn here'));

  test('waits for what another server draws, to its end', async () => {
    const other = await greyServer({ settings: { waitSeconds: 0 } });
    const client = new Client(nothing, shippedManifest(), undefined, {
      upstreams: [{ url: other.url }],
    });
    const reply = await client.textToImage(REQUEST);
    expect(reply).toMatchObject({
      status: 'success',
      meta: { W: 64, seed: expect.any(Number) as number },
      output: [expect.stringContaining(other.url)],
    });
  });

  test('is drawn for by another engine of the page, without a network', async () => {
    const { handle, drawn } = await startStubServer();
    const client = new Client(nothing, shippedManifest(), undefined, {
      upstreams: [{ url: 'http://second.invalid', fetch: handle }],
    });
    expect(await client.textToImage(REQUEST)).toMatchObject({ status: 'success' });
    expect(drawn).toHaveLength(1);
  });

  test('stops waiting when it is told to', async () => {
    const { draw, open } = gate();
    const other = await greyServer({ draw, settings: { waitSeconds: 0 } });
    const client = new Client(nothing, shippedManifest(), undefined, {
      upstreams: [{ url: other.url }],
    });
    const controller = new AbortController();
    const waiting = client.textToImage(REQUEST, { signal: controller.signal });
    await expect.poll(() => other.drawn.length).toBe(1);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    open();
  });
});
