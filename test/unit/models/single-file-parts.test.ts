/**
 * Single-file checkpoints: the same weights as the folder's give the same tensors and pictures; families are told apart.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { partsOfFolder } from '../../../src/models/folder-parts.ts';
import type { ModelParts } from '../../../src/models/model-parts.ts';
import { familyOf, partsOfSingleFile } from '../../../src/models/single-file-parts.ts';
import { generate } from '../../../src/pipelines/generate.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { Checkpoint, TensorEntry } from '../../../src/weights/checkpoint.ts';
import { openCheckpoint, type FileCheckpoint } from '../../../src/weights/safetensors.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { readGolden } from '../../support/goldens.ts';

/** What the file cannot tell of a model with a few channels. */
const TINY = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  text_encoder: { num_attention_heads: 4 },
};

let folder: ModelParts;
let file: FileCheckpoint;
let parts: ModelParts;

beforeAll(async () => {
  folder = await partsOfFolder(modelFolder('tiny-sd15', readGolden, 'tiny-sd15/'));
  const name = 'tiny-sd15.ldm.safetensors';
  file = await openCheckpoint('tiny-file', [bufferSource(await readGolden(name), name)]);
  parts = partsOfSingleFile(file, folder.texts[0].tokenizer, { configs: TINY });
});

async function bytesOf({ source, byteOffset, byteLength }: TensorEntry): Promise<Buffer> {
  return Buffer.from(await source.read(byteOffset, byteOffset + byteLength));
}

/** A checkpoint of nothing but names and shapes. */
function outline(shapes: Readonly<Record<string, readonly number[]>>): Checkpoint {
  const source = bufferSource(new Uint8Array(0), 'outline');
  const entries = Object.entries(shapes).map(([name, shape]): [string, TensorEntry] => [
    name,
    { name, dtype: 'float16', shape, source, byteOffset: 0, byteLength: 0 },
  ]);
  return { id: 'outline', tensors: new Map(entries) };
}

const UNET = 'model.diffusion_model.';
const first = { [`${UNET}input_blocks.0.0.weight`]: [320, 4, 3, 3] };
const keys = (width: number) => ({
  [`${UNET}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight`]: [320, width],
});

describe('a single-file checkpoint', () => {
  it.each(['unet', 'vae', 'text encoder'] as const)(
    'has the names, shapes and numbers of the folder: %s',
    async (part) => {
      const of = (model: ModelParts): Checkpoint =>
        part === 'text encoder' ? model.texts[0].checkpoint : model[part].checkpoint;
      const [ours, theirs] = [of(parts), of(folder)];
      expect([...ours.tensors.keys()].toSorted()).toEqual([...theirs.tensors.keys()].toSorted());
      for (const [name, entry] of theirs.tensors) {
        const other = ours.tensors.get(name) as TensorEntry;
        expect([name, ...other.shape]).toEqual([name, ...entry.shape]);
        expect([name, (await bytesOf(other)).equals(await bytesOf(entry))]).toEqual([name, true]);
      }
    },
  );

  it('tells the configs from shapes', () => {
    for (const [ours, theirs] of [
      [parts.unet.config, folder.unet.config],
      [parts.vae.config, folder.vae.config],
      [parts.texts[0].config, folder.texts[0].config],
    ] as const) {
      for (const [field, value] of Object.entries(ours)) {
        if (!(field in theirs)) continue;
        const list = Array.isArray(value) && !Array.isArray(theirs[field]);
        // A list of one number for all levels says what that number says.
        expect([field, list ? value[0] : value]).toEqual([field, theirs[field]]);
      }
    }
    expect(parts.schedulerConfig['prediction_type']).toBe('epsilon');
  });

  it('draws what the folder draws, to the bit', async () => {
    const { runtime } = await startRuntime({ backend: 'wasm' });
    const request = {
      prompt: 'a photo of a cat',
      width: 64,
      height: 64,
      steps: 2,
      guidanceScale: 7.5,
      seed: 1,
      scheduler: 'DDIMScheduler',
    };
    const [one, two] = [new DiffusionModel(runtime, parts), new DiffusionModel(runtime, folder)];
    const { images } = await generate(one, request);
    const { images: expected } = await generate(two, {
      ...request,
      schedulerConfig: parts.schedulerConfig,
    });
    expect(Buffer.from(images.data.buffer).equals(Buffer.from(expected.data.buffer))).toBe(true);
    await runtime.dispose();
  });
});

describe('the family of a checkpoint', () => {
  it.each([
    ['sd1', { ...first, ...keys(768) }],
    ['sd2', { ...first, ...keys(1024) }],
    [
      'sdxl',
      { ...first, 'conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias': [1280] },
    ],
  ] as const)('%s', (family, shapes) => {
    expect(familyOf(outline(shapes))).toBe(family);
  });

  it.each([
    ['refiner', { ...first, [`${UNET}label_emb.0.0.weight`]: [1536, 2560] }],
    ['InstructPix2Pix', { [`${UNET}input_blocks.0.0.weight`]: [320, 8, 3, 3], ...keys(768) }],
    ['upscaler', { ...first, ...keys(1024), [`${UNET}input_blocks.10.0.skip_connection.bias`]: [1] }],
    ['Playground', { ...first, edm_mean: [4] }],
  ])('refuses the %s by its name', (name, shapes) => {
    expect(() => familyOf(outline(shapes))).toThrow(name);
  });

  it('says what is missing in a file that is no model', () => {
    expect(() => familyOf(outline({ 'lora_unet.alpha': [] }))).toThrow(EngineError);
    expect(() => familyOf(outline({ 'lora_unet.alpha': [] }))).toThrow(/no UNet/);
  });
});
