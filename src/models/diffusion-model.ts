/**
 * A whole text-to-image model: tokenizer, text encoder, UNet, autoencoder and noise schedule, from a folder laid out as
 * diffusers does.
 *
 * Opening reads configs and headers only; weights are loaded by the first run that needs them, and given back stage by
 * stage.
 */

import { EngineError } from '../errors.ts';
import type { JsonConfig } from '../networks/config.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { clipTokenizerJson } from '../text/clip-tokenizer-json.ts';
import { ClipTokenizer } from '../text/clip-tokenizer.ts';
import type { ByteSource, Checkpoint } from '../weights/checkpoint.ts';
import { openCheckpoint } from '../weights/safetensors.ts';
import { SD_PREVIEW, type PreviewMap } from './preview.ts';
import { TextEncoder as ClipTextEncoder } from './text-encoder.ts';
import { UNet } from './unet.ts';
import { Autoencoder } from './vae.ts';

/** The files of a model, wherever they lie. */
export type ModelFolder = {
  /** For messages, such as the model's id. */
  readonly name: string;
  /** The file at a path such as `unet/config.json`; undefined when there is none. */
  open(path: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
};

/** Options of {@link DiffusionModel.open}. */
export type OpenModelOptions = {
  readonly signal?: AbortSignal | undefined;
  /** How its latents look; default: as those of Stable Diffusion. */
  readonly preview?: PreviewMap;
};

const MODULES = {
  text_encoder: ['model.safetensors', 'model.fp16.safetensors'],
  unet: ['diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.fp16.safetensors'],
  vae: ['diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.fp16.safetensors'],
} as const;

/** See the file's header. */
export class DiffusionModel {
  readonly name: string;
  readonly tokenizer: ClipTokenizer;
  readonly textEncoder: ClipTextEncoder;
  readonly unet: UNet;
  readonly vae: Autoencoder;
  /** The folder's scheduler_config.json. */
  readonly schedulerConfig: JsonConfig;
  /** How its latents look. */
  readonly preview: PreviewMap;
  /** Where everything runs. */
  readonly runtime: Runtime;

  private constructor(
    runtime: Runtime,
    parts: Omit<DiffusionModel, 'runtime' | 'nativeSize' | 'release'>,
  ) {
    this.runtime = runtime;
    this.name = parts.name;
    this.tokenizer = parts.tokenizer;
    this.textEncoder = parts.textEncoder;
    this.unet = parts.unet;
    this.vae = parts.vae;
    this.schedulerConfig = parts.schedulerConfig;
    this.preview = parts.preview;
  }

  /**
   * Opens a folder.
   *
   * @throws EngineError `model-malformed` naming the file that is missing or damaged, `unsupported` for another family.
   */
  static async open(
    runtime: Runtime,
    folder: ModelFolder,
    { signal, preview = SD_PREVIEW }: OpenModelOptions = {},
  ): Promise<DiffusionModel> {
    const json = (path: string): Promise<JsonConfig> => readJson(folder, path, signal);
    const weights = (module: keyof typeof MODULES): Promise<Checkpoint> =>
      openModule(folder, module, signal);
    const index = await json('model_index.json');
    if (index['text_encoder_2'] !== undefined) {
      throw new EngineError(
        'unsupported',
        `${folder.name} has two text encoders (SDXL), which is not supported yet`,
      );
    }
    const [tokenizerJson, tokenizerConfig, schedulerConfig, textConfig, unetConfig, vaeConfig] =
      await Promise.all([
        readTokenizer(folder, signal),
        json('tokenizer/tokenizer_config.json'),
        json('scheduler/scheduler_config.json'),
        json('text_encoder/config.json'),
        json('unet/config.json'),
        json('vae/config.json'),
      ]);
    return new DiffusionModel(runtime, {
      name: folder.name,
      tokenizer: new ClipTokenizer(tokenizerJson, tokenizerConfig),
      textEncoder: new ClipTextEncoder(runtime, textConfig, await weights('text_encoder')),
      unet: new UNet(runtime, unetConfig, await weights('unet')),
      vae: new Autoencoder(runtime, vaeConfig, await weights('vae')),
      schedulerConfig,
      preview,
    });
  }

  /** Edge in pixels of the pictures the model was trained on. */
  get nativeSize(): number {
    return this.unet.sampleSize * this.vae.scale;
  }

  /** Gives back all memory of the model. */
  async release(): Promise<void> {
    for (const { checkpoint } of [this.textEncoder.stage, this.unet.stage, this.vae.decoder]) {
      await this.runtime.releaseCheckpoint(checkpoint.id);
    }
  }
}

/** The tokenizer.json, or what it is made of: many folders have the tokenizer in that older form only. */
async function readTokenizer(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
): Promise<object> {
  const path = 'tokenizer/tokenizer.json';
  const whole = await readText(folder, path, signal);
  if (whole !== undefined) return parseObject(folder, path, whole);
  const [vocab, merges] = await Promise.all([
    readJson(folder, 'tokenizer/vocab.json', signal),
    readText(folder, 'tokenizer/merges.txt', signal),
  ]);
  if (merges === undefined) throw missing(folder, 'tokenizer/merges.txt');
  return clipTokenizerJson(vocab, merges);
}

async function readJson(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<JsonConfig> {
  const text = await readText(folder, path, signal);
  if (text === undefined) throw missing(folder, path);
  return parseObject(folder, path, text);
}

async function readText(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const source = await folder.open(path, signal);
  return source && new TextDecoder().decode(await source.read(0, source.size, signal));
}

function parseObject(folder: ModelFolder, path: string, text: string): JsonConfig {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as JsonConfig;
  } catch (cause) {
    throw new EngineError('model-malformed', `${path} of ${folder.name} is no JSON`, { cause });
  }
  throw new EngineError('model-malformed', `${path} of ${folder.name} holds no JSON object`);
}

async function openModule(
  folder: ModelFolder,
  module: keyof typeof MODULES,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  for (const file of MODULES[module]) {
    const source = await folder.open(`${module}/${file}`, signal);
    if (source === undefined) continue;
    return openCheckpoint(
      `${folder.name}/${module}`,
      [source],
      signal === undefined ? {} : { signal },
    );
  }
  throw missing(folder, `${module}/${MODULES[module][0]}`);
}

function missing(folder: ModelFolder, path: string): EngineError {
  return new EngineError('model-malformed', `the model ${folder.name} has no file ${path}`, {
    detail: { path },
  });
}
