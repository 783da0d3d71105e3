/**
 * The embedded model as a folder, in Node: what is read of it is what lies in models/emoji-64.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { embeddedFolder } from '../../../src/models/embedded-model.ts';

const FOLDER = join(import.meta.dirname, '../../../models/emoji-64');

async function bytesOf(path: string): Promise<Buffer> {
  const source = await embeddedFolder().open(path);
  if (source === undefined) throw new Error(`the embedded model has no ${path}`);
  return Buffer.from(await source.read(0, source.size));
}

describe('the embedded model', () => {
  test.each([
    'tokenizer/vocab.json',
    'tokenizer/merges.txt',
    'text_encoder/model.safetensors',
    'unet/diffusion_pytorch_model.safetensors',
    'vae/diffusion_pytorch_model.safetensors',
  ])('has %s', async (path) => {
    expect(Buffer.compare(await bytesOf(path), await readFile(join(FOLDER, path)))).toBe(0);
  });

  test.each([
    'model_index.json',
    'scheduler/scheduler_config.json',
    'text_encoder/config.json',
    'tokenizer/tokenizer_config.json',
    'unet/config.json',
    'vae/config.json',
  ])('says what %s says', async (path) => {
    const [own, original] = [await bytesOf(path), await readFile(join(FOLDER, path))];
    expect(JSON.parse(own.toString())).toEqual(JSON.parse(original.toString()));
  });

  test('has no other files', async () => {
    expect(await embeddedFolder().open('unet/model.onnx')).toBeUndefined();
  });
});
