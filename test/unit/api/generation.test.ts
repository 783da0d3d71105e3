/**
 * Generations through the handler: waiting, fetching, cancelling, webhooks, outputs, models.
 */

import { describe, expect, test } from 'vitest';
import type { Picture } from '../../../src/image/picture.ts';
import { blankPicture } from '../../../src/image/picture.ts';
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

describe('outputs', () => {
  test('are one file for each sample, named as the version has it', async () => {
    const server = await startStubServer(fixtures);
    const older = await asked(server, 'v4/dreambooth', { ...body, samples: 2 });
    const { file_prefix: prefix } = older['meta'] as Json;
    expect(older['output']).toEqual(
      [0, 1].map((i) => `https://example.com/api/outputs/${String(prefix)}-${i}.png`),
    );
    const newer = await asked(server, 'v6/images/text2img', { ...body, samples: 2 });
    const { file_prefix: withEnding } = newer['meta'] as Json;
    expect(newer['output']).toEqual(
      [0, 1].map((i) => `https://example.com/api/outputs/${i}-${String(withEnding)}`),
    );
    expect(newer['proxy_links']).toEqual(newer['output']);
  });

  test.each([
    [{ output_format: 'jpeg' }, 'image/jpeg', /\.jpg$/],
    [{}, 'image/png', /\.png$/],
  ])('with %j are of the type %s', async (fields, type, name) => {
    const server = await startStubServer(fixtures);
    const reply = await asked(server, 'v6/images/text2img', { ...body, ...fields });
    const [link = ''] = reply['output'] as string[];
    expect(link).toMatch(name);
    const response = await got(server, link);
    expect(response.headers.get('content-type')).toBe(type);
    expect(imageType(new Uint8Array(await response.arrayBuffer()))).toBe(type);
  });

  test('are base64 in a file, or by themselves where that is chosen', async () => {
    const asText = { ...body, base64: true };
    const server = await startStubServer(fixtures);
    const [link = ''] = (await asked(server, 'v4/dreambooth', asText))['output'] as string[];
    expect(link).toMatch(/\.base64$/);
    const text = await (await got(server, link)).text();
    const inline = await startStubServer(fixtures, { settings: { base64Form: 'inline' } });
    const [itself] = (await asked(inline, 'v4/dreambooth', { ...asText, seed: 1 }))[
      'output'
    ] as string[];
    for (const base64 of [text, itself ?? '']) {
      expect(imageType(Buffer.from(base64, 'base64'))).toBe('image/png');
    }
    expect((await asked(inline, 'v3/fetch/1'))['output']).toEqual([itself]);
  });

  test('can be sent back as init images without any network', async () => {
    const server = await startStubServer(fixtures);
    const [init_image] = (await asked(server, 'v4/dreambooth', { ...body, width: 64, height: 64 }))[
      'output'
    ] as string[];
    const reply = await asked(server, 'v6/images/img2img', { ...body, init_image });
    expect(reply).toMatchObject({ status: 'success', meta: { W: 64, H: 64 } });
    expect(server.sent).toEqual([]);
  });
});

describe('an init image', () => {
  test('that cannot be had is an error naming its field', async () => {
    const server = await startStubServer(fixtures);
    const init_image = 'https://example.com/gone.png';
    const reply = await asked(server, 'v4/dreambooth/img2img', { ...body, init_image });
    expect(JSON.stringify(reply)).toContain('Unable to fetch image from provided URL');
    expect(reply).toMatchObject({ status: 'error', message: { init_image: [expect.anything()] } });
  });

  test('larger than what is drawn is told of in the tip', async () => {
    const url = 'https://example.com/large.png';
    const server = await startStubServer({ ...fixtures, images: { [url]: [1500, 750] } });
    const reply = await asked(server, 'v6/images/img2img', { ...body, init_image: url });
    expect(reply).toMatchObject({
      status: 'success',
      meta: { W: 1500, H: 750 },
      tip: expect.stringContaining('1024x512') as string,
    });
    expect(server.drawn[0]?.task.generate).toMatchObject({ width: 1024, height: 512 });
  });
});

describe('a model', () => {
  test('that is not here is refused with those that are', async () => {
    const server = await startStubServer({ models: ['one', 'two'] });
    const reply = await asked(server, 'v4/dreambooth', { ...body, model_id: 'three' });
    expect(reply['message']).toMatch(/^Model not found: three\. .*one, two.*manifest/);
  });

  test('that stands for all others draws, and says so', async () => {
    const server = await startStubServer({ models: ['one', 'two'] }, { anyModel: 'two' });
    const reply = await asked(server, 'v4/dreambooth', body);
    expect(reply).toMatchObject({
      status: 'success',
      meta: { model_id: 'two', requested_model_id: 'midjourney' },
      tip: expect.stringMatching(/midjourney.*two drew instead/) as string,
    });
    expect((await asked(server, 'v4/dreambooth', { prompt: 'x' }))['tip']).toBe(undefined);
  });

  test('answers to its aliases', async () => {
    const server = await startStubServer(fixtures, { aliases: ['runwayml/stable-diffusion-v1-5'] });
    const reply = await asked(server, 'v4/dreambooth', {
      ...body,
      model_id: 'runwayml/stable-diffusion-v1-5',
    });
    expect(reply['meta']).toMatchObject({
      model_id: 'midjourney',
      requested_model_id: 'runwayml/stable-diffusion-v1-5',
    });
    expect(reply['tip']).toBe(undefined);
  });

  test('has defaults for what a request leaves open, and only for that', async () => {
    const defaults = {
      steps: 12,
      guidanceScale: 4,
      scheduler: 'DDIMScheduler',
      enhancePrompt: false,
    };
    const server = await startStubServer(fixtures, { defaults });
    const open = await asked(server, 'v4/dreambooth', body);
    expect(open['meta']).toMatchObject({
      steps: 12,
      guidance_scale: 4,
      scheduler: 'DDIMScheduler',
      prompt: 'a cat',
    });
    const explicit = await asked(server, 'v4/dreambooth', {
      ...body,
      num_inference_steps: 30,
      guidance_scale: 7,
      scheduler: 'LCMScheduler',
      enhance_prompt: 'yes',
    });
    expect(explicit['meta']).toMatchObject({
      steps: 30,
      guidance_scale: 7,
      scheduler: 'LCMScheduler',
      prompt: expect.stringContaining('Octane') as string,
    });
  });
});

describe('the sampler is asked', () => {
  test.each([
    [{}, { karrasSigmas: true }],
    [{ use_karras_sigmas: 'no', algorithm_type: 'dpmsolver+++' }, { karrasSigmas: false }],
    [
      { scheduler: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver+++' },
      { karrasSigmas: true, algorithm: 'sde-dpmsolver++' },
    ],
  ])('what %j says', async (fields, wishes) => {
    const server = await startStubServer(fixtures);
    await asked(server, 'v4/dreambooth', { ...body, ...fields });
    expect(server.drawn[0]?.task.generate.wishes).toEqual(wishes);
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

describe('ControlNets', () => {
  const images = { 'https://example.com/a.png': [64, 64] as const };
  const nets = { ...fixtures, images, controlnets: ['canny', 'depth'] };
  const request = {
    ...body,
    controlnet_model: 'canny,depth',
    init_image: 'https://example.com/a.png',
  };

  test('take one weight for all, weights by position, and 1 for what is missing', async () => {
    const server = await startStubServer(nets);
    const scales: unknown[] = [];
    for (const controlnet_conditioning_scale of [0.5, '0.5,2', '9', null, [0.1]]) {
      await asked(server, 'v5/controlnet', { ...request, controlnet_conditioning_scale });
      const { asked: read } = server.drawn.at(-1)?.task ?? {};
      scales.push(read?.operation === 'controlnet' ? read.controlnet_conditioning_scale : null);
    }
    expect(scales).toEqual([
      [0.5, 0.5],
      [0.5, 2],
      [5, 5],
      [1, 1],
      [0.1, 0.1],
    ]);
  });

  test.each([
    [{ prompt: '' }, 'prompt'],
    [{ init_image: null }, 'init_image'],
    [{ controlnet_model: ' , ' }, 'controlnet_model'],
    [{ controlnet_model: 'openpose' }, 'openpose'],
  ])('with %j are refused by name', async (change, named) => {
    const reply = await asked(await startStubServer(nets), 'v5/controlnet', {
      ...request,
      ...change,
    });
    expect(reply['status']).toBe('error');
    expect(JSON.stringify(reply['message'])).toContain(named);
  });

  test('need no prompt when they guess', async () => {
    const server = await startStubServer(nets);
    const reply = await asked(server, 'v5/controlnet', {
      ...request,
      prompt: '',
      guess_mode: 'yes',
    });
    expect(reply['status']).toBe('success');
  });

  test('start from the init image only beside a control image, and below full strength', async () => {
    const server = await startStubServer(nets);
    const control_image = request.init_image;
    await asked(server, 'v5/controlnet', request);
    await asked(server, 'v5/controlnet', { ...request, control_image, strength: 1 });
    await asked(server, 'v5/controlnet', { ...request, control_image, strength: 0.5 });
    const starts = server.drawn.map(({ task }) => task.generate.picture !== undefined);
    expect(starts).toEqual([false, false, true]);
  });
});

test('inpainting prefers the name of the steps that its version documents', async () => {
  const image = 'https://example.com/a.png';
  const server = await startStubServer({ ...fixtures, images: { [image]: [64, 64] } });
  const request = {
    ...body,
    init_image: image,
    mask_image: image,
    steps: 11,
    num_inference_steps: 22,
  };
  const steps = async (path: string): Promise<unknown> =>
    ((await asked(server, path, request))['meta'] as Json)['steps'];
  expect(await steps('v4/dreambooth/inpaint')).toBe(11);
  expect(await steps('v6/images/inpaint')).toBe(11);
  expect(await steps('v3/inpaint')).toBe(22);
  expect(await steps('v1/enterprise/inpaint')).toBe(22);
});

test('a client that goes away leaves its job running', async () => {
  const server = await slowServer();
  void post(server, 'v4/dreambooth', body);
  await settled();
  expect((await asked(server, 'v3/fetch/1'))['status']).toBe('processing');
  server.waiting[0]?.draw();
  expect((await endOf(server, 1))['status']).toBe('success');
});
