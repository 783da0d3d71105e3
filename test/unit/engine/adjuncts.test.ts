/**
 * What the embedded model is drawn with beside itself: its LoRA, its ControlNet, through the API as a person would.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/api/client.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { decodeImage } from '../../../src/image/decode.ts';
import { canny } from '../../../src/image/hints/canny.ts';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { encodePng } from '../../../src/image/png.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';
import { colourfulness, edgeOverlap } from '../../support/picture-measures.ts';

const body = {
  prompt: 'a flat cat face on a blue background',
  width: 64,
  height: 64,
  num_inference_steps: 8,
  guidance_scale: 4,
  seed: 3,
  scheduler: 'UniPCMultistepScheduler',
};

let client: Client;
const files: Uint8Array<ArrayBuffer>[] = [];

beforeAll(() => {
  client = new Client(
    () => Engine.start({ backend: 'wasm' }),
    shippedManifest(),
    (png) => {
      files.push(png);
      return Promise.resolve('kept');
    },
  );
});
afterAll(() => client.dispose());

type Path = 'text2img' | 'inpaint' | 'controlnet';

async function draw(fields: object, path: Path = 'text2img'): Promise<Picture> {
  const all = { ...body, ...fields };
  const reply =
    path === 'text2img'
      ? await client.textToImage(all)
      : path === 'inpaint'
        ? await client.inpaint(all)
        : await client.controlnet(all);
  expect(reply).toMatchObject({ status: 'success' });
  return decodeImage(new Blob([files.pop() as Uint8Array<ArrayBuffer>]), 'picture');
}

/** Mean difference of bytes. */
function difference(a: Picture, b: Picture): number {
  return (
    a.data.reduce((sum, value, i) => sum + Math.abs(value - (b.data[i] ?? 0)), 0) / a.data.length
  );
}

async function dataUri(picture: Picture): Promise<string> {
  const png = await encodePng(picture, {});
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}

describe('the LoRA ink-sketch', () => {
  it('at 0 is no LoRA to the bit, and turns to ink with its strength', async () => {
    const plain = await draw({});
    const none = await draw({ lora_model: 'ink-sketch', lora_strength: '0' });
    expect(difference(none, plain)).toBe(0);
    const half = await draw({ lora_model: 'ink-sketch', lora_strength: 0.5 });
    const whole = await draw({ lora_model: 'ink-sketch', lora_strength: 1 });
    const [a, b, c] = [plain, half, whole].map(({ data, channels }) =>
      colourfulness(data, channels),
    ) as [number, number, number];
    expect(c).toBeLessThan(b);
    expect(b).toBeLessThan(a);
    expect(c).toBeLessThan(a / 2);
    const mentioned = await draw({ prompt: `${body.prompt} <lora:ink-sketch:1>` });
    expect(difference(mentioned, whole)).toBe(0);
    expect(difference(await draw({}), plain)).toBe(0);
  });

  it('that is not here is named, with those that are', async () => {
    for (const fields of [{ lora_model: 'neon' }, { prompt: 'a cat <lora:neon:1>' }]) {
      const reply = await client.textToImage({ ...body, ...fields });
      expect(reply).toMatchObject({ status: 'error' });
      expect(JSON.stringify(reply)).toMatch(/neon.*ink-sketch/);
    }
  });
});

describe('the ControlNet emoji-canny', () => {
  it('makes edges follow the hint', async () => {
    const model = await draw({ prompt: 'a flat rocket on a white background', seed: 11 });
    const edges = canny(model);
    const sent = await dataUri(edges);
    const fields = {
      prompt: 'a glossy rocket on a green background',
      controlnet_model: 'emoji-canny',
      control_image: sent,
      auto_hint: 'no',
      seed: 5,
    };
    const guided = await draw(fields, 'controlnet');
    const free = await draw({ prompt: fields.prompt, seed: 5 });
    expect(edgeOverlap(edges, canny(guided))).toBeGreaterThan(
      edgeOverlap(edges, canny(free)) + 0.1,
    );
    // The same hint, made here of the picture.
    const auto = {
      ...fields,
      control_image: null,
      init_image: await dataUri(model),
      auto_hint: 'yes',
    };
    expect(difference(await draw(auto, 'controlnet'), guided)).toBe(0);
    // And as it is shown to whoever asks for it.
    for (const asked of [auto, fields]) {
      const [hint, ...others] = await client.hints({ ...body, ...asked });
      expect(others).toEqual([]);
      expect(difference(await decodeImage(hint as Blob, 'hint'), edges)).toBe(0);
    }
  });

  it('tells by field why there is no hint', async () => {
    const picture = await dataUri(blankPicture(64, 64, 3));
    const asked = { ...body, controlnet_model: 'emoji-canny', auto_hint: 'yes' };
    await expect(client.hints(asked)).rejects.toMatchObject({
      detail: { fields: { init_image: ['The init image field is required.'] } },
    });
    const strange = { ...asked, init_image: picture, controlnet_type: 'openpose' };
    await expect(client.hints(strange)).rejects.toMatchObject({
      detail: { fields: { controlnet_type: [expect.stringContaining('canny')] } },
    });
    expect(client.hintKinds.map(({ kind }) => kind)).toContain('canny');
  });
});

describe('inpainting', () => {
  it('changes what is white in the mask, and not one bit of the rest', async () => {
    const original = await draw({});
    const mask = blankPicture(64, 64, 3);
    for (let y = 20; y < 44; y++) mask.data.fill(255, (y * 64 + 20) * 3, (y * 64 + 44) * 3);
    const painted = await draw(
      {
        prompt: 'a red apple on a blue background',
        init_image: await dataUri(original),
        mask_image: await dataUri(mask),
        strength: 1,
      },
      'inpaint',
    );
    const differs = [...painted.data].map((value, i) => value !== original.data[i]);
    expect(differs.some((each, i) => each && mask.data[i] === 0)).toBe(false);
    const changed = differs.filter(Boolean).length;
    expect(changed).toBeGreaterThan(500);
  });
});
