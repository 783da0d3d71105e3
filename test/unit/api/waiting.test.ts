/**
 * Jobs through the handler: waiting, fetching, cancelling, webhooks, repetition.
 */

import { describe, expect, test } from 'vitest';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { imageType } from '../../../src/image/image-type.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';
import { fakeClock, settled } from '../../support/fake-clock.ts';
import { asked, endOf, got, post, type Json } from './server-support.ts';

const body = { model_id: 'midjourney', prompt: 'a cat', safety_checker: 'no' };
const fixtures = { models: ['midjourney'] };

/** A server whose pictures come when they are told to. */
async function slowServer(options: Parameters<typeof startStubServer>[1] = {}) {
  const clock = fakeClock();
  const waiting: { draw: () => void; fail: (error: Error) => void }[] = [];
  const server = await startStubServer(fixtures, {
    clock,
    artist: {
      draw: (_, { generate: { width, height, samples = 1 } }, { signal }) =>
        new Promise<Picture[]>((resolve, reject) => {
          waiting.push({
            draw: () => {
              resolve(Array.from({ length: samples }, () => blankPicture(width, height, 3)));
            },
            fail: reject,
          });
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    },
    ...options,
  });
  return { ...server, clock, waiting };
}

describe('a generation that takes longer than clients wait', () => {
  test('is answered with where to ask, and asked for until it is there', async () => {
    const server = await slowServer();
    const pending = asked(server, 'v4/dreambooth', body);
    await server.clock.advance(19_999);
    await server.clock.advance(1);
    const reply = await pending;
    expect(reply).toMatchObject({
      status: 'processing',
      id: 1,
      fetch_result: 'https://example.com/api/v3/dreambooth/fetch/1',
      output: [],
      meta: { model_id: 'midjourney', prompt: expect.stringContaining('a cat') as string },
    });
    const [link] = reply['future_links'] as string[];
    expect((await got(server, link ?? '')).status).toBe(404);
    expect(await asked(server, 'v3/dreambooth/fetch/1', { key: '' })).toMatchObject({
      status: 'processing',
      messege: 'try again later.',
      message: 'try again later.',
      output: '',
    });
    server.waiting[0]?.draw();
    await endOf(server, 1);
    const done = await asked(server, 'v4/dreambooth/fetch', { request_id: '1' });
    expect(done).toEqual({ status: 'success', id: 1, output: [link] });
    expect(await asked(server, 'v6/images/fetch/1')).toEqual({ ...done, proxy_links: [link] });
    const file = new Uint8Array(await (await got(server, link ?? '')).arrayBuffer());
    expect(imageType(file)).toBe('image/png');
  });

  test('is answered at once when so asked, with the time that all before it take', async () => {
    const server = await slowServer();
    const instant = { ...body, instant_response: true };
    const first = await asked(server, 'v4/dreambooth', instant);
    const second = await asked(server, 'v4/dreambooth', instant);
    expect([first['status'], second['status']]).toEqual(['processing', 'processing']);
    const eta = Number(first['eta']);
    expect(Number(second['eta'])).toBeCloseTo(2 * eta);
    expect(await asked(server, 'v3/system_load')).toEqual({
      status: 'ok',
      queue_num: 2,
      queue_time: expect.closeTo(2 * eta) as number,
    });
    // What was measured is what is promised from then on.
    await server.clock.advance(64_000);
    server.waiting[0]?.draw();
    await endOf(server, 1);
    expect(await asked(server, 'v6/processing/request_count')).toMatchObject({ count: 1 });
    const third = await asked(server, 'v4/dreambooth', instant);
    expect(Number(third['eta'])).toBeCloseTo(128);
  });

  test('can be cancelled, while it runs or waits', async () => {
    const server = await slowServer();
    const instant = { ...body, instant_response: 'yes' };
    await asked(server, 'v4/dreambooth', instant);
    await asked(server, 'v4/dreambooth', instant);
    const cancelled = { status: 'success', message: 'cancelled' };
    expect(await asked(server, 'v6/images/cancel/2')).toEqual(cancelled);
    expect(await asked(server, 'v1/enterprise/clear_queue')).toMatchObject({ status: 'success' });
    for (const id of [1, 2]) {
      expect(await asked(server, `v3/fetch/${id}`)).toMatchObject({
        status: 'failed',
        message: 'cancelled',
        output: '',
      });
    }
    expect(await asked(server, 'v6/images/cancel/9')).toMatchObject({
      message: 'Request not found',
    });
  });

  test('that is one too many is refused', async () => {
    const server = await slowServer();
    const instant = { ...body, instant_response: true };
    const replies: Json[] = [];
    for (let i = 0; i < 12; i++) replies.push(await asked(server, 'v6/images/text2img', instant));
    expect(replies.map(({ status }) => status).lastIndexOf('processing')).toBe(10);
    expect(replies[11]).toMatchObject({
      status: 'error',
      message: 'Rate limit exceeded. Maximum 10 queued requests allowed.',
      retry_after: expect.any(Number) as number,
    });
  });

  test('of one of the realtime endpoints speaks their dialect', async () => {
    const server = await slowServer();
    const reply = await asked(server, 'v6/realtime/text2img', { ...body, instant_response: true });
    expect(Number.isInteger(reply['eta'])).toBe(true);
    expect(reply['fetch_result']).toBe('https://example.com/api/v6/realtime/fetch/1');
    expect(reply['meta']).toMatchObject({ width: 512, height: 512 });
  });
});

describe('a generation that fails', () => {
  test('is told at once, and again to those who fetch it', async () => {
    const server = await slowServer();
    const pending = asked(server, 'v4/dreambooth', body);
    await settled();
    server.waiting[0]?.fail(new TypeError('inside'));
    expect(await pending).toMatchObject({ status: 'error' });
    expect(await asked(server, 'v3/fetch/1')).toEqual({
      status: 'failed',
      id: '',
      message: 'Failed, Try Again',
      messege: 'Failed, Try Again',
      output: '',
    });
  });
});

describe('a webhook', () => {
  const webhook = 'https://hooks.example.com/done';

  test('hears of success with the reply and the track_id', async () => {
    const server = await startStubServer(fixtures);
    const reply = await asked(server, 'v4/dreambooth', { ...body, webhook, track_id: 'mine' });
    await settled();
    expect(server.sent).toEqual([{ url: webhook, body: { ...reply, track_id: 'mine' } }]);
  });

  test('hears of failure, and of cancelling', async () => {
    const server = await slowServer();
    const instant = { ...body, webhook, track_id: 7, instant_response: true };
    await asked(server, 'v4/dreambooth', instant);
    await asked(server, 'v4/dreambooth', instant);
    await settled();
    server.waiting[0]?.fail(new Error('inside'));
    await settled();
    await asked(server, 'v6/images/cancel/2');
    await settled();
    const failed = { status: 'failed', track_id: 7, output: '' };
    expect(server.sent.map((call) => call.body)).toMatchObject([
      { ...failed, id: 1, message: 'Failed, Try Again' },
      { ...failed, id: 2, message: 'cancelled' },
    ]);
  });

  test.each(['', null, 'null', '0'])('%j is none', async (none) => {
    const server = await startStubServer(fixtures);
    await asked(server, 'v4/dreambooth', { ...body, webhook: none });
    await settled();
    expect(server.sent).toEqual([]);
  });
});

describe('the same request again', () => {
  test('is refused for half a minute where that is chosen', async () => {
    const clock = fakeClock();
    const settings = { refusesRepetition: true };
    const server = await startStubServer(fixtures, { settings, clock });
    const first = await asked(server, 'v4/dreambooth', body);
    const second = await asked(server, 'v4/dreambooth', body);
    const other = await asked(server, 'v4/dreambooth', { ...body, prompt: 'a dog' });
    expect([first['status'], other['status']]).toEqual(['success', 'success']);
    expect(second).toMatchObject({
      status: 'error',
      message: 'Rate limit exceeded',
      tips: expect.stringContaining('same request') as string,
    });
    await clock.advance(30_000);
    expect((await asked(server, 'v4/dreambooth', body))['status']).toBe('success');
  });

  test('is drawn again by default', async () => {
    const server = await startStubServer(fixtures);
    await asked(server, 'v4/dreambooth', body);
    expect((await asked(server, 'v4/dreambooth', body))['id']).toBe(2);
  });
});

test('a client that goes away leaves its job running', async () => {
  const server = await slowServer();
  void post(server, 'v4/dreambooth', body);
  await settled();
  expect((await asked(server, 'v3/fetch/1'))['status']).toBe('processing');
  server.waiting[0]?.draw();
  expect((await endOf(server, 1))['status']).toBe('success');
});
