/**
 * What a folder in diffusers' layout is, told from its configs.
 */

import { EngineError } from '../errors.ts';
import { parsePythonJson } from '../util/python-json.ts';
import type { ModelFolder } from './folder-parts.ts';
import { familyOfContext, NATIVE_SIZES, type Identified } from './identify.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a folder may be by itself, by the class in its config.json. */
const CLASSES: Readonly<Record<string, Identified['kind']>> = {
  ControlNetModel: 'controlnet',
  AutoencoderKL: 'vae',
  AutoencoderTiny: 'vae',
};

/** Pixels of a picture for each latent pixel. */
const VAE_SCALE = 8;

/**
 * Looks at a folder's configs; undefined when it has neither a model_index.json nor a config.json.
 *
 * @throws EngineError `unsupported` for what is known and cannot be used, `model-malformed` for a config that is no JSON.
 */
export async function identifyFolder(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<Identified | undefined> {
  const index = await json(folder, 'model_index.json', signal);
  if (index !== undefined) return identifyModel(folder, index, signal);
  const config = await json(folder, 'config.json', signal);
  if (config === undefined) return undefined;
  const name = String(config['_class_name']);
  const kind = CLASSES[name];
  if (kind === undefined) {
    const known = Object.keys(CLASSES).join(', ');
    throw new EngineError(
      'unsupported',
      `the folder ${folder.name} holds a ${name}; by themselves only these can be used: ${known}`,
      { detail: { name: folder.name } },
    );
  }
  return { kind, family: familyOfContext(numberOf(config['cross_attention_dim'])) };
}

async function identifyModel(
  folder: ModelFolder,
  index: Json,
  signal: AbortSignal | undefined,
): Promise<Identified> {
  if (!Array.isArray(index['unet'])) {
    throw new EngineError(
      'unsupported',
      `${folder.name} is a ${String(index['_class_name'])}, which has no UNet and is not supported`,
      { detail: { name: folder.name } },
    );
  }
  const unet = (await json(folder, 'unet/config.json', signal)) ?? {};
  const isXl = Array.isArray(index['text_encoder_2']);
  const width = numberOf(unet['cross_attention_dim']);
  const family = isXl ? 'sdxl' : familyOfContext(width);
  const edge = numberOf(unet['sample_size']);
  const usual = family === undefined ? NATIVE_SIZES.sd1 : NATIVE_SIZES[family];
  return {
    kind: 'model',
    family,
    nativeSize: edge === undefined ? usual : edge * VAE_SCALE,
  };
}

async function json(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Json | undefined> {
  const source = await folder.open(path, signal);
  if (source === undefined) return undefined;
  const text = new TextDecoder().decode(await source.read(0, source.size, signal));
  try {
    const parsed = parsePythonJson(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Json;
  } catch (cause) {
    throw new EngineError('model-malformed', `${path} of ${folder.name} is no JSON`, { cause });
  }
  throw new EngineError('model-malformed', `${path} of ${folder.name} holds no JSON object`);
}

function numberOf(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'number' && Number.isFinite(first) ? first : undefined;
}
