/**
 * The endpoints beside the generations: models, server, uploads, enlarging.
 */

import { describe, expect, test, vi } from 'vitest';
import { UNAVAILABLE } from '../../../src/api/endpoints/unavailable.ts';
import { blankPicture } from '../../../src/image/picture.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { encodePng } from '../../../src/image/png.ts';
import { ROUTES } from '../../../src/api/routes.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';
import { asked, got } from './server-support.ts';

const server = startStubServer({ models: ['one', 'two'] });

async function pngBase64(width: number, height: number): Promise<string> {
  return Buffer.from(await encodePng(blankPicture(width, height, 3))).toString('base64');
}

describe('asking for models', () => {
  test('model_list gives a list and nothing around it', async () => {
    const list: unknown = await asked(await server, 'v4/dreambooth/model_list');
    expect(list).toEqual(
      ['one', 'two'].map((model_id) => ({
        model_id,
        status: 'model_ready',
        created_at: null,
        instance_prompt: null,
        model_name: model_id,
        description: '',
        screenshots: '',
      })),
    );
  });

  test.each([
    [
      'get_all_models',
      {},
      { models: ['one', 'two'].map((id) => ({ load_data: '', model_id: id })) },
    ],
    ['sync_models', {}, { message: '2 Models synced successfully', model_list: ['one', 'two'] }],
    ['verify_model', { model_id: 'two' }, { message: 'Model exists on server' }],
  ])('%s of %j', async (path, body, reply) => {
    expect(await asked(await server, `v1/enterprise/${path}`, body)).toEqual({
      status: 'success',
      ...reply,
    });
  });

  test.each(['verify_model', 'delete_model', 'images/delete_model'])(
    '%s of one that is not here says so',
    async (path) => {
      const reply = await asked(await server, `v1/enterprise/${path}`, { model_id: 'three' });
      expect(reply).toMatchObject({ status: 'error' });
      expect(reply['message']).toMatch(/^Model not found: three/);
      expect(await asked(await server, `v1/enterprise/${path}`)).toMatchObject({
        message: { model_id: ['The model id field is required.'] },
      });
    },
  );

  test('delete_model of one that is here says why it stays', async () => {
    const reply = await asked(await server, 'v1/enterprise/delete_model', { model_id: 'one' });
    expect(reply).toMatchObject({ status: 'error' });
    expect(reply['message']).toContain('manifest');
  });

  test('schedulers_list has seventeen names, without LCM', async () => {
    const { schedulers } = await asked(await server, 'v1/enterprise/schedulers_list');
    expect(schedulers).toHaveLength(17);
    expect(schedulers).not.toContain('LCMScheduler');
  });

  test('model_reload opens the model', async () => {
    const open = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const own = await startStubServer({ models: ['one'] }, { artist: { open } });
    const reply = await asked(own, 'v6/images/model_reload', { model_id: 'one' });
    expect(reply).toMatchObject({ status: 'success' });
    await vi.waitFor(() => {
      expect(open).toHaveBeenCalledWith(
        expect.objectContaining({ id: 'one' }),
        expect.anything() as object,
      );
    });
  });
});

describe('asking for the server', () => {
  test.each([
    ['v3/system_load', { queue_num: 0, queue_time: 0, status: 'ok' }],
    ['v1/enterprise/system_details', { model_count: 2, queue_time: 0, status: 'ok' }],
    ['v1/enterprise/restart_server', { status: 'success', message: 'server restarting' }],
    ['v5/clear_cache', { status: 'success', message: 'Cache cleared' }],
    ['v1/enterprise/clear_cache', { status: 'success', message: 'Cache cleared successfully' }],
    [
      'v1/enterprise/images/clear_queue',
      { status: 'success', message: 'Queue cleared, server is restarting' },
    ],
    ['v3/finetune_list', { status: 'success', messege: 'model list', data: [] }],
  ])('%s', async (path, reply) => {
    expect(await asked(await server, path)).toEqual(reply);
  });

  test('update_server says that nothing was done, update_s3 that nothing was stored', async () => {
    expect(await asked(await server, 'v1/enterprise/update')).toMatchObject({
      status: 'success',
      message: 'server updating',
      tip: expect.stringContaining('Nothing') as string,
    });
    const reply = await asked(await server, 'v1/enterprise/update_s3', {
      aws_secret_access_key: 'secret',
    });
    expect(reply).toMatchObject({ status: 'success', warnings: [expect.any(String)] });
    expect(JSON.stringify(reply)).not.toContain('secret"');
  });

  test('what needs the artist reaches it', async () => {
    const clear = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const restart = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const own = await startStubServer({}, { artist: { clear, restart } });
    await asked(own, 'v5/clear_cache');
    await asked(own, 'v1/enterprise/restart_server');
    expect([clear.mock.calls.length, restart.mock.calls.length]).toEqual([1, 1]);
  });
});

describe('an endpoint that cannot be served', () => {
  const paths = [...ROUTES].filter(([, { endpoint }]) => endpoint in UNAVAILABLE);

  test.each(paths.map(([path, { endpoint }]) => [path, endpoint] as const))(
    '%s says why',
    async (path, endpoint) => {
      const message = UNAVAILABLE[endpoint as keyof typeof UNAVAILABLE];
      expect(await asked(await server, path)).toEqual({
        status: 'error',
        message,
        messege: message,
      });
    },
  );
});

describe('an upload', () => {
  test('by upload_image has an address', async () => {
    const reply = await asked(await server, 'v1/enterprise/upload_image', {
      base64_image: await pngBase64(8, 8),
      image_type: 'png',
    });
    expect(reply).toMatchObject({ status: 'success', message: 'image uploaded' });
    const response = await got(await server, String(reply['image_url']));
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(await decodePng(new Uint8Array(await response.arrayBuffer()))).toMatchObject({
      width: 8,
      height: 8,
    });
  });

  test('by base64_to_url lasts a day', async () => {
    const own = await server;
    const base64_string = `data:image/png;base64,${await pngBase64(8, 8)}`;
    const reply = await asked(own, 'v6/base64_to_url', { base64_string });
    const [link] = reply['output'] as string[];
    expect((await got(own, link ?? '')).status).toBe(200);
    const job = await own.queue.find(Number(reply['request_id']));
    expect((job?.expiresAt ?? 0) - (job?.createdAt ?? 0)).toBe(86_400_000);
  });

  test.each([
    ['true', 6],
    ['false', 10],
  ])('by base64_crop with crop %s is %i wide, and can be deleted', async (crop, width) => {
    const own = await server;
    const image = `data:image/png;base64,${await pngBase64(10, 6)}`;
    const reply = await asked(own, 'v3/base64_crop', { image, crop });
    expect(reply).toMatchObject({ status: 'success', messege: 'image uploaded' });
    const link = String(reply['link']);
    const file = new Uint8Array(await (await got(own, link)).arrayBuffer());
    expect(await decodePng(file)).toMatchObject({ width, height: 6 });
    const { request_id } = reply;
    expect(await asked(own, 'v3/delete_image', { request_id })).toMatchObject({
      status: 'success',
      messege: 'image deleted',
    });
    expect((await got(own, link)).status).toBe(404);
    expect(await asked(own, 'v3/delete_image', { request_id })).toMatchObject({ status: 'error' });
  });

  test.each([
    [{}, /required/],
    [{ base64_image: 'hello' }, /not an image/],
    [{ base64_image: 12 }, /must be/],
  ])('of %j is refused by name', async (body, reason) => {
    const reply = await asked(await server, 'v1/enterprise/upload_image', body);
    expect(reply).toMatchObject({
      status: 'error',
      message: { base64_image: [expect.stringMatching(reason)] },
    });
  });

  test('that is too large is refused', async () => {
    const own = await startStubServer({}, { settings: { maxUploadBytes: 64 } });
    const reply = await asked(own, 'v6/base64_to_url', { base64_string: await pngBase64(8, 8) });
    expect(JSON.stringify(reply['message'])).toContain('at most 64 bytes');
  });
});

describe('enlarging', () => {
  const url = 'https://example.com/cat.png';
  const images = { [url]: [16, 8] as const };

  test('gives one address, and again to those who fetch it', async () => {
    const own = await startStubServer({ images });
    const reply = await asked(own, 'v6/image_editing/super_resolution', {
      init_image: url,
      scale: '2',
    });
    expect(reply).toMatchObject({ status: 'success', id: 1, output: expect.any(String) as string });
    expect(reply).not.toHaveProperty('meta');
    expect(own.enlarged).toMatchObject([{ scale: 2, upscaler: 'realesr-general-x4v3' }]);
    expect(await asked(own, 'v6/images/fetch/1')).toEqual({
      status: 'success',
      id: 1,
      output: reply['output'],
    });
  });

  test.each([
    [{}, 'url'],
    [{ url, model_id: 'esrgan' }, 'model_id'],
    [{ url, scale: 'x' }, 'scale'],
    [{ url, face_enhance: 'maybe' }, 'face_enhance'],
  ])('of %j is refused by name', async (body, name) => {
    const own = await startStubServer({ images });
    const reply = await asked(own, 'v5/super_resolution', body);
    expect(Object.keys(reply['message'] as object)).toEqual([name]);
  });

  test('is refused where the upscaler is not here', async () => {
    const own = await startStubServer({ images, upscalers: [] });
    const reply = await asked(own, 'v5/super_resolution', { url });
    expect(reply).toMatchObject({
      status: 'error',
      message: {
        model_id: [
          'The model id field: there is no upscaler realesr-general-x4v3; none is here. load_model adds one from an address.',
        ],
      },
    });
    const other = await startStubServer({ images, upscalers: ['mine', 'x4'] });
    const named = await asked(other, 'v5/super_resolution', { url, model_id: 'mine' });
    expect(named['status']).toBe('success');
    expect(other.enlarged).toMatchObject([{ scale: 3, upscaler: 'mine' }]);
  });

  test('without the better faces that were asked for says so', async () => {
    const own = await startStubServer({ images });
    const reply = await asked(own, 'v3/super_resolution', { url, face_enhance: 'true' });
    expect(reply).toMatchObject({
      status: 'success',
      warnings: [expect.stringMatching(/^face_enhance: /) as string],
    });
    expect(
      await asked(own, 'v3/super_resolution', { url, face_enhance: 'false' }),
    ).not.toHaveProperty('warnings');
  });
});

describe('upscale', () => {
  const body = {
    prompt: 'x',
    width: 64,
    height: 64,
    samples: 2,
    safety_checker: 'no',
    tomesd: 'no',
  };

  test('has each picture enlarged by the default upscaler, and tells it in meta', async () => {
    const own = await startStubServer();
    const reply = await asked(own, 'v6/images/text2img', { ...body, upscale: '3' });
    expect(reply).toMatchObject({ status: 'success', meta: { upscale: '3' } });
    expect(own.enlarged).toMatchObject([
      { scale: 3, upscaler: 'realesr-general-x4v3' },
      { scale: 3, upscaler: 'realesr-general-x4v3' },
    ]);
    await asked(own, 'v6/images/text2img', { ...body, upscale: 'no' });
    expect(own.enlarged).toHaveLength(2);
  });

  test('is by the upscaler that the model names, and refused where that is not here', async () => {
    const own = await startStubServer({ upscalers: ['fine'] }, { upscaler: 'fine' });
    await asked(own, 'v6/images/text2img', { ...body, samples: 1, upscale: 'yes' });
    expect(own.enlarged).toMatchObject([{ scale: 2, upscaler: 'fine' }]);
    const none = await startStubServer({ upscalers: [] });
    const reply = await asked(none, 'v6/images/text2img', { ...body, upscale: 'yes' });
    expect(Object.keys(reply['message'] as object)).toEqual(['upscale']);
    expect(none.drawn).toEqual([]);
  });

  test('also makes the size that a model does not draw at, before anything is laid over the picture', async () => {
    const about = { isNativeOnly: true, nativeSize: 64, upscaler: 'fine' };
    const own = await startStubServer({ upscalers: ['fine'] }, about);
    const large = { ...body, width: 192, height: 128, samples: 1 };
    const reply = await asked(own, 'v6/images/text2img', { ...large, upscale: '2' });
    expect(reply).toMatchObject({ status: 'success', meta: { W: 192, H: 128 } });
    expect(
      own.enlarged.map(({ picture, scale }) => [picture.width, picture.height, scale]),
    ).toEqual([
      [64, 64, 3],
      [192, 128, 2],
    ]);
    await asked(own, 'v6/images/text2img', { ...body, samples: 1 });
    expect(own.enlarged).toHaveLength(2);
    const without = await startStubServer({ upscalers: [] }, about);
    expect(await asked(without, 'v6/images/text2img', large)).toMatchObject({ status: 'success' });
    expect(without.enlarged).toEqual([]);
  });
});
