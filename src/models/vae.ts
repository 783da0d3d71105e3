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

/** An autoencoder of either kind; what differs is in `encode`'s result. */
export class Autoencoder {
  readonly config: VaeConfig | TinyVaeConfig;
  /** Pixels for each latent pixel along one side. */
  readonly scale: number;
  /** The decoder in all its graphs. */
  readonly decoder: Stage<null>;
  /** The encoder in all its graphs. */
  readonly encoder: Stage<null>;
  readonly #runtime: Runtime;

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
  }

  /**
   * A picture [B, 3, 8H, 8W] in about [-1, 1] from latents [B, C, H, W]; an AutoencoderKL takes them divided by its
   * scaling factor, an AutoencoderTiny as they are.
   */
  async decode(latents: RunTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    const outputs = await this.#runtime.run(this.decoder, null, { latents }, options);
    return outputs['image'] as RunTensor;
  }

  /**
   * Encodes a picture [B, 3, 8H, 8W] in [-1, 1]: an AutoencoderKL gives `moments` [B, 2C, H, W] (mean, then logarithm of
   * the variance), an AutoencoderTiny `latents` [B, C, H, W].
   */
  async encode(image: HostTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    const outputs = await this.#runtime.run(this.encoder, null, { image }, options);
    return (outputs['moments'] ?? outputs['latents']) as RunTensor;
  }
}
