/**
 * Generations through the handler: outputs, images, models, samplers, ControlNets.
 */

import { describe, expect, test } from 'vitest';
import { imageType } from '../../../src/image/image-type.ts';
import { PARAMETERS_KEYWORD } from '../../../src/image/parameters.ts';
import { readPngText } from '../../../src/image/png.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';
import { asked, got, type Json } from './server-support.ts';

const body = { model_id: 'midjourney', prompt: 'a cat', safety_checker: 'no' };
const fixtures = { models: ['midjourney'] };

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

test('inpainting only what is masked keeps the size of the init image, and the file says how', async () => {
  const image = 'https://example.com/a.png';
  const server = await startStubServer({ ...fixtures, images: { [image]: [96, 80] } });
  const reply = await asked(server, 'v6/images/inpaint', {
    ...body,
    init_image: image,
    mask_image: image,
    width: 128,
    height: 64,
    mask_blur: 6,
    inpaint_full_res: 'yes',
    inpaint_full_res_padding: 8,
  });
  expect(reply).toMatchObject({ status: 'success', meta: { W: 96, H: 80 } });
  expect(server.drawn[0]?.task.generate).toMatchObject({ width: 128, height: 64 });
  const [link = ''] = reply['output'] as string[];
  const file = new Uint8Array(await (await got(server, link)).arrayBuffer());
  expect((await readPngText(file))[PARAMETERS_KEYWORD]).toMatch(
    /Mask blur: 6, Inpaint area: Only masked, Masked area padding: 8/,
  );
});
