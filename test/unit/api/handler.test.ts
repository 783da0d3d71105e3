/**
 * The handler: paths, methods, bodies, keys, files. What clients really send is the subject of cases.test.ts.
 */

import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../../src/api/endpoints/endpoints.ts';
import { ROUTES, routeOf } from '../../../src/api/routes.ts';
import { VERSIONS } from '../../../src/api/schema/versions.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';
import { asked, got, post } from './server-support.ts';

describe('a path', () => {
  test.each([
    ['/api/v3/text2img', 'text2img', 'v3'],
    ['/api/v3/dreambooth', 'text2img', 'v3/dreambooth'],
    ['/api/v3/dreambooth/img2img', 'img2img', 'v3/dreambooth'],
    ['/api/v4/dreambooth', 'text2img', 'v4'],
    ['/api/v4/dreambooth/inpaint/', 'inpaint', 'v4'],
    ['/api/v5/controlnet', 'controlnet', 'v5'],
    ['/api/v6/images/controlnet', 'controlnet', 'v6'],
    ['/api/v6/realtime/img2img', 'img2img', 'realtime'],
    ['/api/v6/image_editing/super_resolution', 'super_resolution', 'v6'],
    ['/api/v6/base64_to_url', 'base64_to_url', 'v6'],
    ['/api/v6/image_editing/base64_to_url', 'base64_to_url', 'v6'],
    ['/api/v7/images/text-to-image', 'text2img', 'v6'],
    ['/api/v1/enterprise/text2img', 'text2img', 'enterprise'],
    ['/api/v1/enterprise/images/update', 'update_server', 'enterprise'],
    ['/api/v1/enterprise/community/text2img', 'text2img', 'enterprise'],
    ['/api/v1/enterprise/realtime/text2img', 'text2img', 'realtime'],
    ['/api/v1/enterprise/sync_image', 'sync_models', 'enterprise'],
    ['/api/v1/enterprise/fetch_queue_image', 'fetch', 'enterprise'],
    ['/api/v1/enterprise/text2video', 'text2video', 'enterprise'],
    ['v3/system_load', 'system_load', 'v3'],
    ['//api//v3//system_load//', 'system_load', 'v3'],
  ])('%s leads to %s of %s', (path, endpoint, version) => {
    expect(routeOf(path)).toEqual({ endpoint, version });
  });

  test.each([
    ['/api/v3/fetch/12', 'fetch', '12'],
    ['/api/v6/images/fetch/12/', 'fetch', '12'],
    ['/api/v6/images/cancel/12', 'cancel', '12'],
    ['/api/v1/enterprise/images/fetch/abc', 'fetch', 'abc'],
  ])('%s leads to %s of %s', (path, endpoint, id) => {
    expect(routeOf(path)).toMatchObject({ endpoint, id });
  });

  test.each(['/', '/api', '/api/v3', '/api/v3/text2img/12', '/api/v9/text2img', '/x/v3/text2img'])(
    '%s leads nowhere',
    (path) => {
      expect(routeOf(path)).toBe(undefined);
    },
  );

  test('of every route leads to an endpoint of a version', () => {
    expect(ROUTES.size).toBeGreaterThan(120);
    for (const { endpoint, version } of ROUTES.values()) {
      expect(ENDPOINTS).toHaveProperty(endpoint);
      expect(VERSIONS).toHaveProperty([version]);
    }
    const used = new Set([...ROUTES.values()].map(({ endpoint }) => endpoint));
    expect(Object.keys(ENDPOINTS).filter((name) => !used.has(name as never))).toEqual([]);
  });

  test('that nobody knows is answered with 404 and JSON', async () => {
    const server = await startStubServer();
    const response = await got(server, 'v3/nothing');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ status: 'error', message: 'Endpoint not found' });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('a body', () => {
  const multipart = new FormData();
  multipart.set('prompt', 'a cat');
  multipart.set('samples', '2');

  test.each([
    ['JSON of a form type', '{"prompt":"a cat","samples":2}', 'application/x-www-form-urlencoded'],
    ['JSON without a type', '{"prompt":"a cat","samples":2}', ''],
    ['JSON with commas too many', '{"prompt":"a cat","samples":2,}', 'application/json'],
    ['a form', 'prompt=a+cat&samples=2', 'application/x-www-form-urlencoded; charset=UTF-8'],
  ])('may be %s', async (_, body, type) => {
    const server = await startStubServer();
    await post(server, 'v3/text2img', body, { 'content-type': type });
    expect(server.drawn[0]?.task.asked).toMatchObject({ prompt: 'a cat', samples: 2 });
  });

  test('may be a multipart form', async () => {
    const server = await startStubServer();
    const url = 'https://example.com/api/v3/text2img';
    await server.handle(new Request(url, { method: 'POST', body: multipart }));
    expect(server.drawn[0]?.task.asked).toMatchObject({ prompt: 'a cat', samples: 2 });
  });

  test('with a comma in a text that looks like one too many keeps it', async () => {
    const server = await startStubServer();
    await post(server, 'v3/text2img', '{"prompt":"lists: [a,] and \\"{b,}",}');
    expect(server.drawn[0]?.task.asked.prompt).toBe('lists: [a,] and "{b,}');
  });

  test.each(['{', '[]', '"text"', 'null', '12', '{"prompt":}', 'a=b'])(
    'that is %s is refused as no request',
    async (body) => {
      const server = await startStubServer();
      const response = await post(server, 'v4/dreambooth', body, { 'content-type': 'text/plain' });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        status: 'error',
        message: 'Invalid API Request',
        messege: 'Invalid API Request',
        tip: expect.stringContaining('jsonlint') as string,
      });
    },
  );

  test('that is empty lacks what is required', async () => {
    expect(await asked(await startStubServer(), 'v3/text2img', '')).toMatchObject({
      status: 'error',
      message: { prompt: ['The prompt field is required.'] },
    });
  });

  test('that is too large is refused with 413, told or not', async () => {
    const server = await startStubServer({}, { settings: { maxBodyBytes: 100 } });
    const body = JSON.stringify({ prompt: 'x'.repeat(100) });
    expect((await post(server, 'v3/text2img', body)).status).toBe(413);
    expect((await post(server, 'v3/text2img', body, { 'content-length': '112' })).status).toBe(413);
    expect((await post(server, 'v3/text2img', { prompt: 'x' })).status).toBe(200);
  });
});

describe('a method', () => {
  test('other than POST is for asking alone', async () => {
    const server = await startStubServer();
    expect(await (await got(server, 'v4/dreambooth')).json()).toMatchObject({
      status: 'error',
      message: 'Invalid API Request',
    });
    expect(await (await got(server, 'v6/processing/request_count')).json()).toEqual({
      status: 'success',
      count: 0,
    });
    expect(await (await got(server, 'v3/fetch/5')).json()).toMatchObject({
      status: 'failed',
      id: '',
      message: 'Request not found',
      output: '',
    });
  });
});

describe('a key', () => {
  const server = startStubServer({ keys: ['right'] });
  const body = { prompt: 'a cat' };

  test.each([
    ['in the body', { ...body, key: 'right' }, {}, ''],
    ['in a header', body, { key: 'right' }, ''],
    ['as a bearer', body, { authorization: 'Bearer right' }, ''],
    ['in the query', body, {}, '?key=right'],
    ['in one place beside a wrong one', { ...body, key: 'wrong' }, { key: 'right' }, ''],
  ])('%s opens', async (_, fields, headers, query) => {
    const response = await post(await server, `v3/text2img${query}`, fields, headers);
    expect(await response.json()).toMatchObject({ status: 'success' });
  });

  test.each([
    ['that is missing', body],
    ['that is wrong', { ...body, key: 'wrong' }],
    ['that is no text', { ...body, key: ['right'] }],
  ])('%s does not', async (_, fields) => {
    expect(await asked(await server, 'v3/text2img', fields)).toMatchObject({
      status: 'error',
      message: 'Invalid Api Key',
      tip: expect.stringContaining('valid API key') as string,
    });
  });

  test('is not asked for where none is configured', async () => {
    expect(await asked(await startStubServer(), 'v3/text2img', body)).toMatchObject({
      status: 'success',
    });
  });
});

test('an error that nobody foresaw is told to whoever runs the API, and not to its clients', async () => {
  const broken = { draw: () => Promise.reject(new TypeError('secret of the house')) };
  const server = await startStubServer({}, { artist: broken });
  const reply = await asked(server, 'v3/text2img', { prompt: 'a cat' });
  expect(reply).toMatchObject({
    status: 'error',
    message: 'Internal server error. Please try again.',
  });
  expect(JSON.stringify(reply)).not.toContain('secret');
});
