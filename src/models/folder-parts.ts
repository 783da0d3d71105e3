/**
 * A model from a folder laid out as diffusers does: configs and headers are read, weights are not.
 */

import { EngineError } from '../errors.ts';
import type { JsonConfig } from '../networks/config.ts';
import { clipTokenizerJson } from '../text/clip-tokenizer-json.ts';
import { ClipTokenizer } from '../text/clip-tokenizer.ts';
import type { ByteSource, Checkpoint } from '../weights/checkpoint.ts';
import { openOnnxFile, type OnnxFile } from '../weights/onnx/onnx-file.ts';
import { openCheckpoint } from '../weights/safetensors.ts';
import { parsePythonJson } from '../util/python-json.ts';
import type { ModelParts, NetworkPart, TextPart, VaePart } from './model-parts.ts';

/** The files of a model, wherever they lie. */
export type ModelFolder = {
  /** For messages, such as the model's id. */
  readonly name: string;
  /** The file at a path such as `unet/config.json`; undefined when there is none. */
  open(path: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
};

/** Files of a text encoder's weights: half the bytes first. */
export const TEXT_FILES = ['model.fp16.safetensors', 'model.safetensors'] as const;
/** Files of the other networks' weights. */
export const FILES = [
  'diffusion_pytorch_model.fp16.safetensors',
  'diffusion_pytorch_model.safetensors',
] as const;
/** A graph with weights in it or beside it, as exporters call it. */
export const EXPORTED_FILE = 'model.onnx';

/**
 * Opens a folder. A network that has no safetensors may have a `model.onnx`, the autoencoder one for each half.
 *
 * @throws EngineError `model-malformed` naming the file that is missing or damaged.
 */
export async function partsOfFolder(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<ModelParts> {
  const reader = new FolderReader(folder, signal);
  const index = await reader.json('model_index.json');
  const second = isPresent(index['text_encoder_2']) ? [await reader.text('_2')] : [];
  return {
    name: folder.name,
    texts: [await reader.text(''), ...second],
    unet: await reader.network('unet', FILES),
    vae: await reader.vae(),
    schedulerConfig: await reader.json('scheduler/scheduler_config.json'),
    zeroesEmptyPrompt: index['force_zeros_for_empty_prompt'] !== false,
  };
}

/** A network of its own, such as a ControlNet or an autoencoder: config.json and weights in the folder itself. */
export async function networkOfFolder(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<NetworkPart> {
  return new FolderReader(folder, signal).network('', FILES);
}

/** The tokenizer of a folder's first text encoder. */
export function tokenizerOfFolder(folder: ModelFolder): Promise<ClipTokenizer> {
  return new FolderReader(folder, undefined).tokenizer('tokenizer');
}

/** Indices say `[null, null]` of a module that is left out. */
function isPresent(module: unknown): boolean {
  return Array.isArray(module) && module.some((each) => each !== null);
}

class FolderReader {
  readonly #folder: ModelFolder;
  readonly #signal: AbortSignal | undefined;

  constructor(folder: ModelFolder, signal: AbortSignal | undefined) {
    this.#folder = folder;
    this.#signal = signal;
  }

  async text(suffix: '' | '_2'): Promise<TextPart> {
    const tokenizer = await this.tokenizer(`tokenizer${suffix}`);
    const network = await this.network(`text_encoder${suffix}`, TEXT_FILES);
    return { ...network, tokenizer };
  }

  async tokenizer(path: string): Promise<ClipTokenizer> {
    const [json, config] = await Promise.all([
      this.#tokenizerJson(path),
      this.json(`${path}/tokenizer_config.json`),
    ]);
    return new ClipTokenizer(json, config);
  }

  /** Weights, with our graph over them, where there are some; else a graph that was exported. */
  async network(path: string, files: readonly string[]): Promise<NetworkPart> {
    const part = (await this.#ours(path, files)) ?? (await this.#exportedPart(path));
    if (part === undefined) throw this.#missing(below(path, files.at(-1) ?? ''));
    return part;
  }

  /** An autoencoder: exports have its halves in folders of their own. */
  async vae(): Promise<VaePart> {
    const ours = await this.#ours('vae', FILES);
    if (ours !== undefined) return ours;
    const decoder = await this.#exportedPart('vae_decoder');
    if (decoder === undefined) throw this.#missing(below('vae', FILES[1]));
    const config =
      Object.keys(decoder.config).length > 0
        ? decoder.config
        : await this.#optionalJson('vae/config.json');
    const exportedEncoder = await this.#exported('vae_encoder');
    return { ...decoder, config: config ?? {}, exportedEncoder };
  }

  async json(path: string): Promise<JsonConfig> {
    const config = await this.#optionalJson(path);
    if (config === undefined) throw this.#missing(path);
    return config;
  }

  async #optionalJson(path: string): Promise<JsonConfig | undefined> {
    const text = await this.#read(path);
    return text === undefined ? undefined : this.#object(path, text);
  }

  /** The tokenizer.json, or what it is made of: many folders have the tokenizer in that older form only. */
  async #tokenizerJson(path: string): Promise<object> {
    const whole = await this.#read(`${path}/tokenizer.json`);
    if (whole !== undefined) return this.#object(`${path}/tokenizer.json`, whole);
    const [vocab, merges] = await Promise.all([
      this.json(`${path}/vocab.json`),
      this.#read(`${path}/merges.txt`),
    ]);
    if (merges === undefined) throw this.#missing(`${path}/merges.txt`);
    return clipTokenizerJson(vocab, merges);
  }

  async #ours(path: string, files: readonly string[]): Promise<NetworkPart | undefined> {
    const checkpoint = await this.#weights(path, files);
    return checkpoint && { config: await this.json(below(path, 'config.json')), checkpoint };
  }

  async #exportedPart(path: string): Promise<NetworkPart | undefined> {
    const exported = await this.#exported(path);
    if (exported === undefined) return undefined;
    const config = (await this.#optionalJson(below(path, 'config.json'))) ?? {};
    return { config, checkpoint: exported.checkpoint, exported };
  }

  async #exported(path: string): Promise<OnnxFile | undefined> {
    const file = below(path, EXPORTED_FILE);
    const source = await this.#folder.open(file, this.#signal);
    if (source === undefined) return undefined;
    return openOnnxFile(below(this.#folder.name, path), source, {
      name: `${file} of ${this.#folder.name}`,
      signal: this.#signal,
      beside: async (location) => {
        const found = await this.#folder.open(below(path, location), this.#signal);
        if (found === undefined) throw this.#missing(below(path, location));
        return found;
      },
    });
  }

  async #weights(path: string, files: readonly string[]): Promise<Checkpoint | undefined> {
    const id = below(this.#folder.name, path);
    const options = this.#signal === undefined ? {} : { signal: this.#signal };
    for (const file of files) {
      const source = await this.#folder.open(below(path, file), this.#signal);
      if (source !== undefined) return openCheckpoint(id, [source], options);
      const index = await this.#read(below(path, `${file}.index.json`));
      if (index === undefined) continue;
      const shards = this.#shards(below(path, `${file}.index.json`), index);
      const sources = shards.map(async (shard) => {
        const found = await this.#folder.open(below(path, shard), this.#signal);
        if (found === undefined) throw this.#missing(below(path, shard));
        return found;
      });
      return openCheckpoint(id, await Promise.all(sources), options);
    }
    return undefined;
  }

  #shards(path: string, text: string): string[] {
    const map = this.#object(path, text)['weight_map'];
    const shards = typeof map === 'object' && map !== null ? Object.values(map) : [];
    const names = [...new Set(shards)].filter((name) => typeof name === 'string');
    if (names.length > 0) return names;
    throw new EngineError(
      'model-malformed',
      `${path} of ${this.#folder.name} names no files of weights`,
    );
  }

  async #read(path: string): Promise<string | undefined> {
    const source = await this.#folder.open(path, this.#signal);
    return source && new TextDecoder().decode(await source.read(0, source.size, this.#signal));
  }

  #object(path: string, text: string): JsonConfig {
    const { name } = this.#folder;
    try {
      const parsed = parsePythonJson(text);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as JsonConfig;
    } catch (cause) {
      throw new EngineError('model-malformed', `${path} of ${name} is no JSON`, { cause });
    }
    throw new EngineError('model-malformed', `${path} of ${name} holds no JSON object`);
  }

  #missing(path: string): EngineError {
    const { name } = this.#folder;
    return new EngineError('model-malformed', `the model ${name} has no file ${path}`, {
      detail: { path },
    });
  }
}

function below(path: string, file: string): string {
  return path === '' ? file : `${path}/${file}`;
}
