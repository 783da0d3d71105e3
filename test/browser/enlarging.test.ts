/**
 * Larger pictures in a real browser: the upscaler's file is downloaded by the library when a request first needs it, and the engine's
 * worker enlarges.
 */

import { afterAll, describe, expect, test } from 'vitest';

import { decodePng } from '../../src/image/png-decoder.ts';
import { encodePng } from '../../src/image/png.ts';
import type { Picture } from '../../src/image/picture.ts';
import { createClient, shippedManifest } from '../../src/index.ts';
import { openGolden } from '../../tools/goldens/golden-file.ts';
import { fetchFile } from '../support/browser.ts';
import { goldenPicture } from '../support/golden-picture.ts';

const shipped = shippedManifest();
// Another address each time: what one run keeps is not there for the next.
const url = new URL(`/test/goldens/upscalers/compact.pth?${crypto.randomUUID()}`, location.href)
  .href;
const upscaler = {
  id: 'realesr-general-x4v3',
  kind: 'upscaler',
  name: 'Small',
  source: { kind: 'file', url },
  licence: 'none',
} as const;
// The model that ships may name another upscaler, which is not in this list.
const models = shipped.models.map((model) => {
  const { upscaler: _, ...entry } = model;
  return entry;
});
const manifest = { ...shipped, models, adjuncts: [upscaler] };
const client = createClient({ backend: 'wasm', manifest });
const state = async (): Promise<string | undefined> => {
  const [stored] = await client.library.stored([upscaler]);
  return stored?.state;
};

afterAll(async () => {
  await client.library.discard(upscaler);
  await client.dispose();
});

async function asked(path: string, body: object): Promise<Record<string, unknown>> {
  const request = new Request(new URL(`/api/${path}`, location.href), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const reply = await client.fetch(request);
  return (await reply.json()) as Record<string, unknown>;
}

async function pictureAt(address: unknown): Promise<Picture> {
  const reply = await fetch(String(address));
  return decodePng(new Uint8Array(await reply.arrayBuffer()));
}

describe('a drawing', () => {
  test('with upscale is enlarged by the default upscaler, which is downloaded for it', async () => {
    expect(await state()).toBe('absent');
    const reply = await asked('v6/images/text2img', {
      prompt: 'a flat cat face on a blue background',
      width: 64,
      height: 64,
      num_inference_steps: 2,
      upscale: 2,
      safety_checker: 'no',
    });
    expect(reply).toMatchObject({ status: 'success', meta: { W: 64, H: 64, upscale: '2' } });
    const [output] = reply['output'] as string[];
    expect(await pictureAt(output)).toMatchObject({ width: 128, height: 128 });
    expect(await state()).toBe('here');
  });
});

describe('super_resolution', () => {
  test('gives the picture that spandrel gives', async () => {
    const golden = await openGolden((name) => fetchFile(`test/goldens/${name}`), 'upscalers');
    const pictureOf = (part: string): Picture => goldenPicture(golden, `compact.pth/20x24/${part}`);
    const png = await encodePng(pictureOf('in'));
    const image = `data:image/png;base64,${btoa(String.fromCharCode(...png))}`;

    const reply = await asked('v5/super_resolution', { url: image, scale: 4, face_enhance: true });

    expect(reply).toMatchObject({
      status: 'success',
      warnings: [expect.stringContaining('face_enhance') as string],
    });
    const larger = await pictureAt(reply['output']);
    const expected = pictureOf('out');
    expect([larger.width, larger.height]).toEqual([expected.width, expected.height]);
    const furthest = larger.data.reduce(
      (most, byte, i) => Math.max(most, Math.abs(byte - expected.data[i]!)),
      0,
    );
    expect(furthest).toBeLessThanOrEqual(1);
  });
});
