/**
 * Whole models of real size from the formula, as people have them on disk: a folder in diffusers' layout, or one file under
 * CompVis' names (Node only).
 *
 * The components are those of `test/goldens/fullsize.json`. SDXL's first text encoder and its autoencoder have the shapes
 * of Stable Diffusion 1.5's and take that one's numbers.
 */

import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { clipVocabulary } from '../../src/models/clip-vocabulary-file.ts';
import type { Checkpoint, TensorEntry } from '../../src/weights/checkpoint.ts';
import { safetensorsHeader, type TensorDescription } from '../../src/weights/safetensors-writer.ts';
import type { Fullsize } from './fullsize.ts';
import { compVisUNetNames, compVisVaeNames } from './single-file-names.ts';
import { writeGenerated } from './write-generated.ts';

/** Which model. */
export type FullSizeModel = 'sd15' | 'sdxl';

/** Components by the folder that a model has them in. */
const COMPONENTS: Readonly<Record<FullSizeModel, Readonly<Record<string, string>>>> = {
  sd15: { text_encoder: 'sd15/text_encoder', unet: 'sd15/unet', vae: 'sd15/vae' },
  sdxl: {
    text_encoder: 'sd15/text_encoder',
    text_encoder_2: 'sdxl/text_encoder_2',
    unet: 'sdxl/unet',
    vae: 'sd15/vae',
  },
};

/** What model_index.json calls the modules that are no component. */
const PIPELINES: Readonly<Record<FullSizeModel, string>> = {
  sd15: 'StableDiffusionPipeline',
  sdxl: 'StableDiffusionXLPipeline',
};

const SCHEDULER = {
  _class_name: 'EulerDiscreteScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  prediction_type: 'epsilon',
  steps_offset: 1,
  timestep_spacing: 'leading',
};

const XL_SCALING_FACTOR = 0.13025;
const PIECE_BYTES = 16 * 2 ** 20;

/** Writes a model as a folder in diffusers' layout, weights in f16. */
export async function writeModelFolder(
  file: Fullsize,
  model: FullSizeModel,
  folder: string,
): Promise<void> {
  const { seed, components } = file.golden.json;
  const { vocab, merges } = await clipVocabulary();
  const json = (path: string, value: unknown): Promise<void> =>
    write(join(folder, path), JSON.stringify(value, undefined, 1));
  const index: Record<string, unknown> = {
    _class_name: PIPELINES[model],
    scheduler: ['diffusers', SCHEDULER._class_name],
  };
  for (const [part, component] of Object.entries(COMPONENTS[model])) {
    const isText = part.startsWith('text_encoder');
    await json(`${part}/config.json`, configOf(file, model, part, component));
    const name = isText ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors';
    const { tensors } = components[component] ?? { tensors: {} };
    await writeGenerated(join(folder, part, name), component, { seed, tensors });
    index[part] = [isText ? 'transformers' : 'diffusers', classOf(file.config(component))];
    if (!isText) continue;
    const tokenizer = part.replace('text_encoder', 'tokenizer');
    const isOpenClip = part.endsWith('_2');
    index[tokenizer] = ['transformers', 'CLIPTokenizer'];
    await json(`${tokenizer}/vocab.json`, vocab);
    await write(join(folder, tokenizer, 'merges.txt'), `#version: 0.2\n${merges}\n`);
    await json(`${tokenizer}/tokenizer_config.json`, {
      model_max_length: 77,
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
      pad_token: isOpenClip ? '!' : '<|endoftext|>',
    });
  }
  await json('scheduler/scheduler_config.json', SCHEDULER);
  await json('model_index.json', index);
}

/** Writes a model as one safetensors file under CompVis' names, weights in f16; resolves to its length in bytes. */
export async function writeSingleFile(
  file: Fullsize,
  model: FullSizeModel,
  path: string,
): Promise<number> {
  const parts = COMPONENTS[model];
  const tensors: FileTensor[] = [];
  for (const [part, component] of Object.entries(parts)) {
    const checkpoint = await file.checkpoint(component);
    tensors.push(...fileTensors(part, checkpoint, model));
  }
  await mkdir(dirname(path), { recursive: true });
  const output = await open(path, 'w');
  try {
    const header = safetensorsHeader(tensors, { format: 'pt' });
    await output.writeFile(header);
    let bytes = header.length;
    for (const { pieces, isTransposed } of tensors) {
      for (const piece of pieces) {
        if (isTransposed) await output.writeFile(await transposed(piece));
        else for await (const data of bytesOf(piece)) await output.writeFile(data);
        bytes += piece.byteLength;
      }
    }
    return bytes;
  } finally {
    await output.close();
  }
}

/** A tensor of the file: the tensors of the components that it is made of, one below the other. */
type FileTensor = TensorDescription & {
  readonly pieces: readonly TensorEntry[];
  readonly isTransposed?: boolean;
};

function fileTensors(part: string, checkpoint: Checkpoint, model: FullSizeModel): FileTensor[] {
  const names = [...checkpoint.tensors.keys()];
  const whole = (rename: (name: string) => string): FileTensor[] =>
    [...checkpoint.tensors.values()].map((entry) => ({
      name: rename(entry.name),
      dtype: entry.dtype,
      shape: entry.shape,
      pieces: [entry],
    }));
  switch (part) {
    case 'unet': {
      const renamed = compVisUNetNames(names);
      return whole((name) => `model.diffusion_model.${renamed.get(name)}`);
    }
    case 'vae': {
      const renamed = compVisVaeNames(names);
      return whole((name) => `first_stage_model.${renamed.get(name)}`);
    }
    case 'text_encoder': {
      const prefix = model === 'sdxl' ? 'conditioner.embedders.0' : 'cond_stage_model';
      return whole((name) => `${prefix}.transformer.text_model.${name}`);
    }
    default:
      return openClipTensors(checkpoint, 'conditioner.embedders.1.model.');
  }
}

const OPEN_CLIP: readonly (readonly [RegExp, string])[] = [
  [/^text_model\.embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  [/^text_model\.embeddings\.token_embedding/, 'token_embedding'],
  [/^text_model\.final_layer_norm/, 'ln_final'],
  [/^text_model\.encoder\.layers/, 'transformer.resblocks'],
  [/layer_norm([12])/, 'ln_$1'],
  [/self_attn\.out_proj/, 'attn.out_proj'],
  [/mlp\.fc1/, 'mlp.c_fc'],
  [/mlp\.fc2/, 'mlp.c_proj'],
  [/^text_projection\.weight$/, 'text_projection'],
];

/** OpenCLIP keeps queries, keys and values in one matrix, and its projection transposed. */
function openClipTensors({ tensors }: Checkpoint, prefix: string): FileTensor[] {
  return [...tensors.values()].flatMap((entry): FileTensor[] => {
    const { name, dtype, shape } = entry;
    const attention = /^text_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(.+)$/.exec(
      name,
    );
    if (attention === null) {
      const renamed = OPEN_CLIP.reduce((text, [from, to]) => text.replace(from, to), name);
      const isTransposed = renamed === 'text_projection';
      return [{ name: prefix + renamed, dtype, shape, pieces: [entry], isTransposed }];
    }
    const [, layer, which, kind] = attention;
    if (which !== 'q') return [];
    const pieces = ['q', 'k', 'v'].map((each) => {
      const piece = tensors.get(name.replace('.q_proj.', `.${each}_proj.`));
      if (piece === undefined) throw new Error(`${name} stands alone`);
      return piece;
    });
    const [rows = 0, ...rest] = shape;
    const joined = `${prefix}transformer.resblocks.${layer}.attn.in_proj_${kind}`;
    return [{ name: joined, dtype, shape: [3 * rows, ...rest], pieces }];
  });
}

async function* bytesOf({
  source,
  byteOffset,
  byteLength,
}: TensorEntry): AsyncGenerator<Uint8Array> {
  const end = byteOffset + byteLength;
  for (let at = byteOffset; at < end; at += PIECE_BYTES)
    yield await source.read(at, Math.min(end, at + PIECE_BYTES));
}

async function transposed({
  source,
  byteOffset,
  byteLength,
  shape,
}: TensorEntry): Promise<Uint8Array> {
  const bytes = await source.read(byteOffset, byteOffset + byteLength);
  const values = new Uint16Array(bytes.buffer);
  const [rows = 0, columns = 0] = shape;
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
  return new Uint8Array(turned.buffer);
}

function configOf(
  file: Fullsize,
  model: FullSizeModel,
  part: string,
  component: string,
): Record<string, unknown> {
  const config = file.config(component);
  const isXlVae = model === 'sdxl' && part === 'vae';
  return isXlVae ? { ...config, scaling_factor: XL_SCALING_FACTOR } : config;
}

function classOf(config: Record<string, unknown>): unknown {
  const architectures = config['architectures'] as readonly string[] | undefined;
  return config['_class_name'] ?? architectures?.[0];
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
