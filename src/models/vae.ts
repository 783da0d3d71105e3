/**
 * An autoencoder ready to run, AutoencoderKL or AutoencoderTiny: latents to pictures and back.
 */

import type { JsonConfig } from '../networks/config.ts';
import { tinyVaeDecoderGraph, tinyVaeEncoderGraph } from '../networks/tiny-vae.ts';
import {
  parseTinyVaeConfig,
  parseVaeConfig,
  vaeScale,
  type TinyVaeConfig,
  type VaeConfig,
} from '../networks/vae-config.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../networks/vae.ts';
import type { RunTensor } from '../runtime/backend.ts';
import type { Runtime, StageRunOptions } from '../runtime/runtime.ts';
import { Stage } from '../runtime/stage.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { VaeNetwork } from './model-networks.ts';
import { TiledStage } from './tiled-stage.ts';

/** An autoencoder of either kind; what differs is in `encode`'s result. */
export class Autoencoder implements VaeNetwork {
  readonly config: VaeConfig | TinyVaeConfig;
  /** Pixels for each latent pixel along one side. */
  readonly scale: number;
  /** The decoder in all its graphs. */
  readonly decoder: Stage<null>;
  /** The encoder in all its graphs. */
  readonly encoder: Stage<null>;
  readonly #runtime: Runtime;
  readonly #decoding: TiledStage;
  readonly #encoding: TiledStage;

  constructor(runtime: Runtime, json: JsonConfig, checkpoint: Checkpoint) {
    this.#runtime = runtime;
    if (json['_class_name'] === 'AutoencoderTiny') {
      const config = parseTinyVaeConfig(json);
      this.config = config;
      this.decoder = new Stage({
        name: 'VAE decoder',
        checkpoint,
        isSafeInHalf: true,
        build: (_, options) => tinyVaeDecoderGraph(config, checkpoint, options),
      });
      this.encoder = new Stage({
        name: 'VAE encoder',
        checkpoint,
        isSafeInHalf: true,
        build: (_, options) => tinyVaeEncoderGraph(config, checkpoint, options),
      });
    } else {
      const config = parseVaeConfig(json);
      const isSafeInHalf = config.isSafeInHalf;
      this.config = config;
      this.decoder = new Stage({
        name: 'VAE decoder',
        checkpoint,
        isSafeInHalf,
        build: (_, options) => vaeDecoderGraph(config, checkpoint, options),
      });
      this.encoder = new Stage({
        name: 'VAE encoder',
        checkpoint,
        isSafeInHalf,
        build: (_, options) => vaeEncoderGraph(config, checkpoint, options),
      });
    }
    this.scale = vaeScale(this.config);
    this.#decoding = this.#tiled(this.decoder, 'latents');
    this.#encoding = this.#tiled(this.encoder, 'image');
  }

  /** Whether encoding gives moments: that of an AutoencoderKL does. */
  get hasPosterior(): boolean {
    return 'widths' in this.config;
  }

  get checkpointIds(): readonly string[] {
    return [this.decoder.checkpoint.id];
  }

  /**
   * A picture [B, 3, 8H, 8W] in about [-1, 1] from latents [B, C, H, W]; an AutoencoderKL takes them divided by its
   * scaling factor, an AutoencoderTiny as they are. Decoded in tiles where the whole exceeds what the device allows.
   */
  decode(latents: RunTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    return this.#decoding.run(latents, options);
  }

  /**
   * Encodes a picture [B, 3, 8H, 8W] in [-1, 1]: an AutoencoderKL gives `moments` [B, 2C, H, W] (mean, then logarithm of
   * the variance), an AutoencoderTiny `latents` [B, C, H, W]. In tiles where the whole exceeds what the device allows.
   */
  encode(image: HostTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    return this.#encoding.run(image, options);
  }

  /**
   * Edge of the largest square tile, in latent pixels, with which nothing exceeds the device's limits; undefined when a
   * picture of this latent size can be decoded (or encoded) whole.
   *
   * @throws EngineError `unsupported`, naming what is too large, when even the smallest tile exceeds them.
   */
  tileFor(direction: 'decode' | 'encode', height: number, width: number): number | undefined {
    const tiled = direction === 'decode' ? this.#decoding : this.#encoding;
    return tiled.tileFor(height, width);
  }

  #tiled(stage: Stage<null>, name: 'latents' | 'image'): TiledStage {
    const { scale } = this;
    const isDecoder = name === 'latents';
    const { latentChannels, imageChannels } = this.config;
    const channels = isDecoder ? latentChannels : imageChannels;
    return new TiledStage({
      name: stage.name,
      unit: isDecoder ? 1 : scale,
      outScale: isDecoder ? scale : 1 / scale,
      run: async (tensor, options) => {
        const outputs = await this.#runtime.run(stage, null, { [name]: tensor }, options);
        return Object.values(outputs)[0] as RunTensor;
      },
      violations: (height, width) =>
        this.#runtime.fit(stage, null, { [name]: { dims: [1, channels, height, width] } }).plan
          .violations,
    });
  }
}
