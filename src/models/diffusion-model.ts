/**
 * A whole text-to-image model, ready to run: tokenizers, text encoders, UNet, autoencoder and noise schedule.
 *
 * Opening reads configs and headers only; weights are loaded by the first run that needs them, and given back stage by
 * stage.
 */

import type { JsonConfig } from '../networks/config.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { QuantisableOptions } from '../runtime/stage.ts';
import type { ClipTokenizer } from '../text/clip-tokenizer.ts';
import { partsOfFolder, type ModelFolder } from './folder-parts.ts';
import type { ModelParts } from './model-parts.ts';
import { SD_PREVIEW, SDXL_PREVIEW, type PreviewMap } from './preview.ts';
import type { TextNetwork, UNetNetwork, VaeNetwork } from './model-networks.ts';
import { textNetwork, unetNetwork, vaeNetwork } from './open-networks.ts';

/** Options of {@link DiffusionModel.open}. */
export type OpenModelOptions = QuantisableOptions & {
  readonly signal?: AbortSignal | undefined;
  /** How its latents look; default: as those of its family. */
  readonly preview?: PreviewMap | undefined;
};

/** A text encoder with its tokenizer. */
export type TextReader = { readonly tokenizer: ClipTokenizer; readonly encoder: TextNetwork };

/** See the file's header. */
export class DiffusionModel {
  readonly name: string;
  /** One text encoder, or SDXL's two, whose states stand side by side. */
  readonly texts: readonly [TextReader, ...TextReader[]];
  readonly unet: UNetNetwork;
  readonly vae: VaeNetwork;
  /** The checkpoint's scheduler_config.json. */
  readonly schedulerConfig: JsonConfig;
  /** How its latents look. */
  readonly preview: PreviewMap;
  /** SDXL: whether an empty negative prompt is read as zeros. */
  readonly zeroesEmptyPrompt: boolean;
  /** Where everything runs. */
  readonly runtime: Runtime;

  /** A model of parts that are at hand. */
  constructor(runtime: Runtime, parts: ModelParts, { preview, weightBits }: OpenModelOptions = {}) {
    this.runtime = runtime;
    this.name = parts.name;
    const reader = (part: ModelParts['texts'][0]): TextReader => ({
      tokenizer: part.tokenizer,
      encoder: textNetwork(runtime, part, { weightBits }),
    });
    const [first, ...others] = parts.texts;
    this.texts = [reader(first), ...others.map(reader)];
    this.unet = unetNetwork(runtime, parts.unet, { weightBits });
    this.vae = vaeNetwork(runtime, parts.vae, this.isXl);
    this.schedulerConfig = parts.schedulerConfig;
    this.preview = preview ?? (this.isXl ? SDXL_PREVIEW : SD_PREVIEW);
    this.zeroesEmptyPrompt = this.isXl && parts.zeroesEmptyPrompt !== false;
  }

  /** Opens a folder laid out as diffusers does; see {@link partsOfFolder}. */
  static async open(
    runtime: Runtime,
    folder: ModelFolder,
    options: OpenModelOptions = {},
  ): Promise<DiffusionModel> {
    return new DiffusionModel(runtime, await partsOfFolder(folder, options.signal), options);
  }

  /** Whether the UNet is told sizes and a pooled text beside the prompt, as SDXL's is. */
  get isXl(): boolean {
    return this.unet.config.added !== undefined;
  }

  /** Edge in pixels of the pictures the model was trained on. */
  get nativeSize(): number {
    return this.unet.sampleSize * this.vae.scale;
  }

  /** Gives back all memory of the model, but for what `other` shares with it. */
  async release(other?: DiffusionModel): Promise<void> {
    const shared = new Set(other?.checkpointIds);
    for (const id of this.checkpointIds) {
      if (!shared.has(id)) await this.runtime.releaseCheckpoint(id);
    }
  }

  /** Identities of its networks' weights. */
  get checkpointIds(): string[] {
    const texts = this.texts.map(({ encoder }) => encoder);
    return [...texts, this.unet, this.vae].flatMap(({ checkpointIds }) => checkpointIds);
  }
}
