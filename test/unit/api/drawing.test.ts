/**
 * Bodies in, pictures out: the API's two generation calls on the embedded model, on wasm.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../../../src/api/client.ts';
import type { Reply } from '../../../src/api/client.ts';
import { PARAMETERS_KEYWORD } from '../../../src/image/parameters.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { readPngText } from '../../../src/image/png.ts';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';
import { openUpscaler } from '../../../src/models/open-adjunct.ts';
import { Upscaler } from '../../../src/models/upscaler.ts';
import { enlarge } from '../../../src/pipelines/enlarge.ts';
import { generate } from '../../../src/pipelines/generate.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import type { RuntimeReport } from '../../../src/runtime/report.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readEmbedded, readGolden } from '../../support/goldens.ts';

let runtime: Runtime;
let model: DiffusionModel;
const files = new Map<string, Uint8Array<ArrayBuffer>>();

beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
  model = await DiffusionModel.open(runtime, modelFolder('emoji-64', readEmbedded, ''));
});
afterAll(() => runtime.dispose());

const client = new Client(
  () =>
    Promise.resolve({
      report: { backend: 'wasm' } as RuntimeReport,
      openModel: () => Promise.resolve({ nativeSize: 64 }),
      generate: async (_, request, options) => ({
        ...(await generate(model, request, options)),
        warnings: [],
      }),
      enlarge: async (entry, request) =>
        enlarge(new Upscaler(runtime, await openUpscaler(entry, {})), request),
      hints: (control) => Promise.resolve([...control]),
      describePrompt: () => Promise.reject(new Error('nobody asks for it')),
      judge: () => Promise.reject(new Error('nobody asks for it')),
      memory: () => ({ residentBytes: 0, uploadedBytes: 0 }),
      unload: () => Promise.resolve(),
      dispose: () => Promise.resolve(),
    }),
  shippedManifest(),
  (png, name) => {
    files.set(name, png);
    return Promise.resolve(name);
  },
);

/** The file of the picture `index` that a reply names. */
function fileOf(reply: Reply, index = 0): Uint8Array<ArrayBuffer> {
  const name = reply.status === 'success' ? (reply.output[index] ?? '') : '';
  return files.get(name) ?? new Uint8Array();
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
    const reply = await client.textToImage(body);
    expect(reply).toMatchObject({
      status: 'success',
      id: 1,
      meta: { W: 64, H: 64, seed: 0, steps: 12, scheduler: 'UniPCMultistepScheduler' },
    });
    expect(reply).not.toHaveProperty('tip');
    const png = fileOf(reply);
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

  test('at another size is drawn at the native size and enlarged, and the tip says so', async () => {
    const reply = await client.textToImage({
      ...body,
      width: 128,
      height: 192,
      num_inference_steps: 2,
      samples: 9,
    });
    expect(reply).toMatchObject({ status: 'success', meta: { W: 128, H: 192, n_samples: 4 } });
    expect(reply).toHaveProperty('tip', expect.stringContaining('64x64'));
    const { width, height } = await decodePng(fileOf(reply, 3));
    expect([width, height]).toEqual([128, 192]);
  });

  test.each([
    [{ scheduler: 'NopeScheduler' }, 'scheduler'],
    [{ num_inference_steps: 'abc' }, 'num_inference_steps'],
    [{ model_id: 'midjourney' }, 'midjourney'],
    [{ prompt: undefined }, 'prompt'],
  ])('with %j is refused, and the reply names what is wrong', async (change, named) => {
    const reply = await client.textToImage({ ...body, ...change });
    expect(reply.status).toBe('error');
    expect(JSON.stringify(reply)).toContain(named);
  });
});

describe('a body of img2img', () => {
  test('starts from its picture, and hardly changes it at a low strength', async () => {
    const png = fileOf(await client.textToImage(body));
    const init = await decodePng(png);
    const init_image = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
    const reply = await client.imageToImage({ ...body, init_image, strength: 0.1 });
    expect(reply).toMatchObject({ status: 'success', meta: { strength: 0.1 } });
    const { data } = await decodePng(fileOf(reply));
    const difference = init.data.reduce(
      (sum, value, i) => sum + Math.abs(value - (data[i] ?? 0)),
      0,
    );
    expect(difference / data.length).toBeLessThan(16);
  });

  test('whose picture is none is refused by name', async () => {
    const init_image = 'data:text/plain;base64,aGVsbG8=';
    const reply = await client.imageToImage({ ...body, init_image });
    expect(reply.status).toBe('error');
    expect(JSON.stringify(reply)).toContain('init_image');
  });
});
