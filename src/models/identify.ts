/**
 * What a file or folder is, told from its names and shapes alone: a whole model, or something that goes with one.
 */

import { EngineError } from '../errors.ts';
import type { ByteSource, Checkpoint } from '../weights/checkpoint.ts';
import { readEmbedding } from '../weights/embedding.ts';
import { describeFileKind, FILE_KIND_BYTES } from '../weights/file-kind.ts';
import { parseLoraKey } from '../weights/lora/key-styles.ts';
import { readLora, type LoraFile } from '../weights/lora/lora-file.ts';
import { readSafetensors, type SafetensorsContents } from '../weights/safetensors.ts';
import { isLdmVae } from '../weights/single-file/ldm-vae.ts';
import { torchFileKind } from '../weights/torch-file.ts';
import { isUpscaler } from '../networks/upscaler-config.ts';
import { hasOldEsrganNames } from '../weights/single-file/esrgan-names.ts';
import { openNetworkFile } from '../weights/torch-checkpoint.ts';
import type { AdjunctEntry } from './manifest.ts';
import { familyOf, type Family } from './single-file-parts.ts';

/** What an entry is. */
export type EntryKind = 'model' | AdjunctEntry['kind'];

/** What files turned out to be. */
export type Identified = {
  readonly kind: EntryKind;
  /** Undefined where nothing tells it. */
  readonly family: Family | undefined;
  /** Of a model: edge in pixels of the pictures it was trained on, or what is usual in its family. */
  readonly nativeSize?: number;
  /** What its maker calls it, where the file says so. */
  readonly title?: string;
};

/** Edge in pixels of the pictures that a family was trained on. */
export const NATIVE_SIZES: Readonly<Record<Family, number>> = { sd1: 512, sd2: 768, sdxl: 1024 };

/** The family by the width of the text states that its cross-attention reads. */
export function familyOfContext(width: number | undefined): Family | undefined {
  switch (width) {
    case 768:
      return 'sd1';
    case 1024:
      return 'sd2';
    case 2048:
      return 'sdxl';
    default:
      return undefined;
  }
}

/**
 * Looks at a single file: of safetensors its header, of PyTorch's the names; nothing of it is ever run.
 *
 * @throws EngineError naming the file and what it is instead: `model-malformed` for what is damaged or no weights at all,
 *   `unsupported` for what is known and cannot be used.
 */
export async function identifyFile(source: ByteSource, signal?: AbortSignal): Promise<Identified> {
  if ((await torchFileKind(source, signal)) !== undefined) return identifyTorch(source, signal);
  const contents = await readSafetensors(source, signal === undefined ? {} : { signal });
  const found = await identifyTensors(source, contents, signal);
  const title = contents.metadata['modelspec.title'];
  return title === undefined || title === '' ? found : { ...found, title };
}

async function identifyTensors(
  source: ByteSource,
  { tensors, others, metadata }: SafetensorsContents,
  signal: AbortSignal | undefined,
): Promise<Identified> {
  const checkpoint: Checkpoint = { id: source.name, tensors };
  const names = [...tensors.keys(), ...others.keys()];
  const has = (prefix: string): boolean => names.some((name) => name.startsWith(prefix));
  if (has('model.diffusion_model.input_blocks.')) {
    const family = familyOf(checkpoint);
    const isEpsilon = metadata['modelspec.prediction_type'] === 'epsilon';
    const isSmall = family === 'sd2' && isEpsilon;
    return { kind: 'model', family, nativeSize: isSmall ? 512 : NATIVE_SIZES[family] };
  }
  if (has('control_model.') || has('controlnet_cond_embedding.')) {
    return { kind: 'controlnet', family: familyOfContext(contextWidth(checkpoint)) };
  }
  if (names.some(isLoraKey)) return identifyLora(await readLora(source, signal), metadata);
  if (['', 'first_stage_model.', 'vae.'].some((prefix) => isLdmVae(checkpoint, prefix)))
    return { kind: 'vae', family: undefined };
  if (has('decoder.mid_block.') && has('encoder.')) return { kind: 'vae', family: undefined };
  if (isUpscaler(checkpoint) || hasOldEsrganNames(checkpoint)) return UPSCALER;
  if (names.length <= 2) {
    const { vectors } = await readEmbedding(source, signal === undefined ? {} : { signal });
    return identifyEmbedding(vectors.map(({ dims }) => dims[1] ?? 0));
  }
  const part = PARTS.find(({ prefix }) => has(prefix));
  if (part !== undefined) throw unusable(source, part.is);
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  throw new EngineError(
    'model-malformed',
    `${source.name} is no model, LoRA, embedding, VAE, ControlNet or upscaler that is known here: it holds ${names.length} tensors (${shown})`,
    { detail: { name: source.name } },
  );
}

/** Upscalers enlarge what models of any family draw. */
const UPSCALER: Identified = { kind: 'upscaler', family: undefined };

/** What people hand over and cannot be used by itself, by how its names begin. */
const PARTS: readonly { readonly prefix: string; readonly is: string }[] = [
  {
    prefix: 'model.diffusion_model.',
    is: 'a whole model of a family that is not supported (such as Flux or Stable Diffusion 3)',
  },
  { prefix: 'double_blocks.', is: 'a network of the Flux family, which is not supported' },
  { prefix: 'joint_blocks.', is: 'a network of Stable Diffusion 3, which is not supported' },
  {
    prefix: 'down_blocks.',
    is: 'only the UNet of a model; add the whole folder, or a single file that holds all of the model',
  },
  {
    prefix: 'text_model.',
    is: 'only the text encoder of a model; add the whole folder, or a single file that holds all of the model',
  },
  { prefix: 'encoder.layers.', is: 'a tiny autoencoder; add its folder, with its config.json' },
  { prefix: 'decoder.layers.', is: 'a tiny autoencoder; add its folder, with its config.json' },
];

function unusable(source: ByteSource, what: string): EngineError {
  return new EngineError('unsupported', `${source.name} is ${what}`, {
    detail: { name: source.name },
  });
}

/** A plain weight is part of a LoRA only where other parts are beside it. */
function isLoraKey(name: string): boolean {
  const part = parseLoraKey(name)?.part;
  return part !== undefined && part !== 'weight';
}

function identifyLora(
  { name, modules }: LoraFile,
  metadata: Readonly<Record<string, string>>,
): Identified {
  const told = `${metadata['modelspec.architecture'] ?? ''} ${metadata['ss_base_model_version'] ?? ''}`;
  if (/flux|stable-diffusion-3|sd3/i.test(told) || modules.some(isOfTransformer)) {
    const message = `${name} is a LoRA for a family of models that is not supported (such as Flux or Stable Diffusion 3)`;
    throw new EngineError('unsupported', message, { detail: { name } });
  }
  const context = modules.find(({ name: each }) => /attn2[._]to_[kv]$/.test(each));
  const width = context?.tensors.get('down')?.shape[1];
  return { kind: 'lora', family: familyOfContext(width) ?? familyInWords(told) };
}

/** Modules of networks that are no UNets. */
function isOfTransformer({ name }: LoraFile['modules'][number]): boolean {
  return /(?:double|single|joint)_(?:transformer_)?blocks/.test(name);
}

/** The family in the words of trainers, such as `sdxl_base_v1-0` and `stable-diffusion-v1/lora`. */
function familyInWords(words: string): Family | undefined {
  if (/sdxl|xl-v1/i.test(words)) return 'sdxl';
  if (/sd_v2|diffusion-v2/i.test(words)) return 'sd2';
  return /sd_v1|diffusion-v1/i.test(words) ? 'sd1' : undefined;
}

function identifyEmbedding(widths: readonly number[]): Identified {
  const family = widths.length > 1 ? 'sdxl' : familyOfContext(widths[0]);
  return { kind: 'embedding', family };
}

/** Width of the text states that a UNet's or ControlNet's cross-attention reads. */
function contextWidth({ tensors }: Checkpoint): number | undefined {
  for (const [name, { shape }] of tensors)
    if (name.endsWith('.attn2.to_k.weight')) return shape[1];
  return undefined;
}

/** Bytes that no whole model does with. */
const MODEL_BYTES = 2 ** 27;

/** PyTorch's files are read where they hold an upscaler, an embedding or a LoRA: whole models in pickles are not. */
async function identifyTorch(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Identified> {
  try {
    const file = await openNetworkFile(source.name, source, signal === undefined ? {} : { signal });
    if (isUpscaler(file) || hasOldEsrganNames(file)) return UPSCALER;
  } catch {
    signal?.throwIfAborted();
  }
  let reason: unknown;
  try {
    const { vectors } = await readEmbedding(source, signal === undefined ? {} : { signal });
    return identifyEmbedding(vectors.map(({ dims }) => dims[1] ?? 0));
  } catch (error) {
    signal?.throwIfAborted();
    reason = error;
  }
  try {
    return identifyLora(await readLora(source, signal), {});
  } catch {
    signal?.throwIfAborted();
  }
  // So small a file was meant to be an embedding, and why it is none says more.
  if (source.size < MODEL_BYTES) throw reason;
  const head = await source.read(0, Math.min(source.size, FILE_KIND_BYTES), signal);
  throw new EngineError(
    'unsupported',
    `${source.name} holds no upscaler, no embedding and no LoRA, and cannot be read as a model: ${describeFileKind(head)}`,
    { detail: { name: source.name } },
  );
}
