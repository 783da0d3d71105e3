/**
 * What was made for another family of models is refused by name, before the engine starts and anything is downloaded.
 */

import { describe, expect, it } from 'vitest';
import { Client } from '../../../src/api/client.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';

let starts = 0;
const client = new Client(() => {
  starts += 1;
  return Promise.reject(new Error('it was not to start'));
}, shippedManifest());
const body = { prompt: 'x', width: 512, height: 512 };

describe('a request that names things of another family than the model', () => {
  it.each([
    ['a LoRA', { lora_model: 'lcm-lora-sdxl' }, /lora model.*lcm-lora-sdxl.*sdxl.*emoji-64/],
    ['a LoRA in the prompt', { prompt: 'x <lora:lcm-lora-sdv1-5:1>' }, /lcm-lora-sdv1-5.*sd1/],
    ['an embedding', { embeddings_model: 'EasyNegative' }, /embeddings model.*EasyNegative.*sd1/],
    ['a VAE', { vae: 'taesdxl', model_id: 'sd-turbo' }, /vae.*taesdxl.*sdxl.*sd-turbo.*sd2/],
  ])('is refused: %s', async (_, fields, message) => {
    const before = starts;
    expect(JSON.stringify(await client.textToImage({ ...body, ...fields }))).toMatch(message);
    expect(starts).toBe(before);
  });

  it.each([
    ['prompt', 'x <lora:ink-sketch:much>', /^The prompt field: .*position 2 .*no number/],
    ['negative_prompt', 'x <lora::1>', /^The negative prompt field: .*position 2 .*no name/],
    ['negative_prompt', '('.repeat(101), /^The negative prompt field: .*more than 100 deep/],
  ])('is told by the field where %s says %j', async (field, text, message) => {
    const reply = await client.textToImage({ ...body, [field]: text });
    expect(reply).toMatchObject({ message: { [field]: [expect.stringMatching(message)] } });
  });

  it.each([
    ['TAESD for SD 2, whose latents are those of SD 1', { vae: 'taesd', model_id: 'sd-turbo' }],
    ['a LoRA for its own', { lora_model: 'lcm-lora-sdxl', model_id: 'sdxl-turbo' }],
  ])('is not refused: %s', async (_, fields) => {
    const before = starts;
    await client.textToImage({ ...body, ...fields });
    expect(starts).toBe(before + 1);
  });
});
