/**
 * Bodies in, pictures out: the API's two generation calls on the embedded model, on wasm.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { draw, type DrawOptions } from '../../../src/api/draw.ts';
import { PARAMETERS_KEYWORD } from '../../../src/image/parameters.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { readPngText } from '../../../src/image/png.ts';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { generate, type GenerateRequest } from '../../../src/pipelines/generate.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readEmbedded, readGolden } from '../../support/goldens.ts';

let runtime: Runtime;
let model: Promise<DiffusionModel>;
const files = new Map<string, Uint8Array<ArrayBuffer>>();

beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
  model = DiffusionModel.open(runtime, modelFolder('emoji-64', readEmbedded, ''));
});
afterAll(() => runtime.dispose());

function options(operation: DrawOptions['operation'] = 'text2img'): DrawOptions {
  return {
    operation,
    models: [
      {
        id: 'emoji-64',
        isNativeOnly: true,
        nativeSize: 64,
        generate: async (request, given) => generate(await model, request, given),
      },
    ],
    id: 7,
    publish: (png, name) => {
      files.set(name, png);
      return Promise.resolve(`memory:${name}`);
    },
  };
}

const body = {
  key: 'any',
  model_id: 'emoji-64',
  prompt: 'a flat cat face on a blue background',
  width: '64',
  height: '64',
  samples: '1',
  num_inference_steps: '12',
  guidance_scale: 4,
  seed: '0',
  scheduler: 'UniPCMultistepScheduler',
  use_karras_sigmas: 'no',
  safety_checker: 'no',
};

describe('a body of text2img', () => {
  test('gives the picture that diffusers draws, with its parameters in the file', async () => {
    const reply = await draw(body, options());
    expect(reply).toMatchObject({
      status: 'success',
      id: 7,
      output: ['memory:emoji-64-7-0.png'],
      meta: { W: 64, H: 64, seed: 0, steps: 12, scheduler: 'UniPCMultistepScheduler' },
    });
    expect(reply).not.toHaveProperty('tip');
    const png = files.get('emoji-64-7-0.png') as Uint8Array;
    const { data } = await decodePng(png);
    const golden = await openGolden(readGolden, 'embedded');
    const expected = golden.float32('UniPCMultistepScheduler/0/image').data;
    const difference = expected.reduce(
      (sum, value, i) => sum + Math.abs(value - (data[i] ?? 0) / 255),
      0,
    );
    expect(difference / expected.length).toBeLessThan(2 / 255);
    const text = (await readPngText(png))[PARAMETERS_KEYWORD];
    expect(text).toContain('a flat cat face on a blue background');
    expect(text).toContain('Seed: 0');
  });

  test.each([
    [{}, { karrasSigmas: true, algorithm: 'dpmsolver++' }],
    [
      { use_karras_sigmas: 'no', algorithm_type: 'dpmsolver+++' },
      { karrasSigmas: false, algorithm: 'sde-dpmsolver++' },
    ],
  ])('asks the sampler what %j says', async (fields, wishes) => {
    const asked: GenerateRequest[] = [];
    const { models, ...rest } = options();
    const generated = (request: GenerateRequest): Promise<never> => {
      asked.push(request);
      return Promise.reject(new Error('enough'));
    };
    const { use_karras_sigmas: _, ...plain } = body;
    await draw(
      { ...plain, ...fields },
      { ...rest, models: [{ ...models[0], generate: generated }] },
    );
    expect(asked[0]?.wishes).toEqual(wishes);
  });

  test('at another size is drawn at the native size and enlarged, and the tip says so', async () => {
    const reply = await draw(
      { ...body, width: 128, height: 192, num_inference_steps: 2, samples: 9 },
      options(),
    );
    expect(reply).toMatchObject({ status: 'success', meta: { W: 128, H: 192, n_samples: 4 } });
    expect(reply).toHaveProperty('tip', expect.stringContaining('64x64'));
    const { width, height } = await decodePng(files.get('emoji-64-7-3.png') as Uint8Array);
    expect([width, height]).toEqual([128, 192]);
  });

  test.each([
    [{ scheduler: 'NopeScheduler' }, 'scheduler'],
    [{ num_inference_steps: 'abc' }, 'num_inference_steps'],
    [{ model_id: 'midjourney' }, 'midjourney'],
    [{ prompt: undefined }, 'prompt'],
  ])('with %j is refused, and the reply names what is wrong', async (change, named) => {
    const reply = await draw({ ...body, ...change }, options());
    expect(reply.status).toBe('error');
    expect(JSON.stringify(reply)).toContain(named);
  });
});

describe('a body of img2img', () => {
  test('starts from its picture, and hardly changes it at a low strength', async () => {
    await draw(body, options());
    const png = files.get('emoji-64-7-0.png') as Uint8Array<ArrayBuffer>;
    const init = await decodePng(png);
    const init_image = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
    const reply = await draw(
      { ...body, init_image, strength: 0.1 },
      { ...options('img2img'), id: 8 },
    );
    expect(reply).toMatchObject({ status: 'success', meta: { strength: 0.1 } });
    const { data } = await decodePng(files.get('emoji-64-8-0.png') as Uint8Array);
    const difference = init.data.reduce(
      (sum, value, i) => sum + Math.abs(value - (data[i] ?? 0)),
      0,
    );
    expect(difference / data.length).toBeLessThan(16);
  });

  test('whose picture is none is refused by name', async () => {
    const reply = await draw(
      { ...body, init_image: 'data:text/plain;base64,aGVsbG8=' },
      options('img2img'),
    );
    expect(reply.status).toBe('error');
    expect(JSON.stringify(reply)).toContain('init_image');
  });
});
