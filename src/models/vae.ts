/**
 * An autoencoder ready to run, AutoencoderKL or AutoencoderTiny: latents to pictures and back.
 */

import { EngineError, isEngineError } from '../errors.ts';
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
import { isDeviceTensor, type RunTensor } from '../runtime/backend.ts';
import type { Violation } from '../runtime/plan.ts';
import type { Runtime, StageRunOptions } from '../runtime/runtime.ts';
import { Stage } from '../runtime/stage.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { cutTile, TILE_OVERLAP, TileBlender, tilesOf, type Tile } from './tiling.ts';

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
   * scaling factor, an AutoencoderTiny as they are. Decoded in tiles where the whole exceeds what the device allows.
   */
  decode(latents: RunTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    return this.#run(this.#task('decode'), latents, options);
  }

  /**
   * Encodes a picture [B, 3, 8H, 8W] in [-1, 1]: an AutoencoderKL gives `moments` [B, 2C, H, W] (mean, then logarithm of
   * the variance), an AutoencoderTiny `latents` [B, C, H, W]. In tiles where the whole exceeds what the device allows.
   */
  encode(image: HostTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    return this.#run(this.#task('encode'), image, options);
  }

  /**
   * Edge of the largest square tile, in latent pixels, with which nothing exceeds the device's limits; undefined when a
   * picture of this latent size can be decoded (or encoded) whole.
   *
   * @throws EngineError `unsupported`, naming what is too large, when even the smallest tile exceeds them.
   */
  tileFor(direction: 'decode' | 'encode', height: number, width: number): number | undefined {
    return this.#tile(this.#task(direction), height, width);
  }

  #task(direction: 'decode' | 'encode'): Task {
    const { scale } = this;
    return direction === 'decode'
      ? { stage: this.decoder, name: 'latents', unit: 1, outScale: scale }
      : { stage: this.encoder, name: 'image', unit: scale, outScale: 1 / scale };
  }

  async #run(task: Task, input: RunTensor, options: StageRunOptions): Promise<RunTensor> {
    const { stage, name, unit } = task;
    const whole = async (tensor: RunTensor): Promise<RunTensor> => {
      const outputs = await this.#runtime.run(stage, null, { [name]: tensor }, options);
      return Object.values(outputs)[0] as RunTensor;
    };
    // A picture on the device is in the device's order; its sampler has already made sure that it fits whole.
    if (isDeviceTensor(input)) return whole(input);
    const [, , height = 1, width = 1] = input.dims;
    let tile = this.#tile(task, height / unit, width / unit);
    for (;;) {
      try {
        return tile === undefined
          ? await whole(input)
          : await this.#tiled(task, input, tile, whole, options);
      } catch (error) {
        // What a device has left cannot be asked for: try again with less until it suffices.
        const smaller = TILES.find((each) => each < (tile ?? Math.max(height, width) / unit));
        if (!isEngineError(error) || error.code !== 'out-of-memory' || smaller === undefined)
          throw error;
        tile = smaller;
      }
    }
  }

  async #tiled(
    { unit, outScale }: Task,
    input: HostTensor,
    tile: number,
    whole: (part: HostTensor) => Promise<RunTensor>,
    { signal }: StageRunOptions,
  ): Promise<HostTensor> {
    const [batch = 1, , height = 1, width = 1] = input.dims;
    let blender: TileBlender | undefined;
    const overlap = Math.floor(tile * TILE_OVERLAP) * unit * outScale;
    for (const each of tilesOf(height / unit, width / unit, tile)) {
      signal?.throwIfAborted();
      const part = (await whole(cutTile(input, scaled(each, unit)))) as HostTensor;
      const [, channels = 1] = part.dims;
      blender ??= new TileBlender([batch, channels, height * outScale, width * outScale]);
      blender.add(part, scaled(each, unit * outScale), { rows: overlap, columns: overlap });
    }
    return (blender as TileBlender).finish();
  }

  #tile({ stage, name, unit }: Task, height: number, width: number): number | undefined {
    const channels = name === 'latents' ? this.config.latentChannels : this.config.imageChannels;
    const violations = (h: number, w: number): readonly Violation[] =>
      this.#runtime.fit(stage, null, { [name]: { dims: [1, channels, h * unit, w * unit] } }).plan
        .violations;
    let found = violations(height, width);
    if (found.length === 0) return undefined;
    for (const tile of TILES) {
      if (tile >= Math.max(height, width)) continue;
      found = violations(Math.min(tile, height), Math.min(tile, width));
      if (found.length === 0) return tile;
    }
    const [{ node, reason, value, limit }] = found as [Violation];
    throw new EngineError(
      'unsupported',
      `the ${stage.name} exceeds this device's limits in its smallest tile: ${node} (${reason}: ${value}, allowed ${limit})`,
      { detail: { node, reason, value, limit } },
    );
  }
}

/** A network that maps one picture to one picture of another scale. */
type Task = {
  readonly stage: Stage<null>;
  readonly name: 'latents' | 'image';
  /** Pixels of the input for each latent pixel. */
  readonly unit: number;
  /** Pixels of the output for each pixel of the input. */
  readonly outScale: number;
};

/** Edges of tiles to try, in latent pixels. */
const TILES = [128, 96, 80, 64, 48, 40, 32, 24, 16, 8] as const;

function scaled({ top, left, height, width }: Tile, factor: number): Tile {
  return { top: top * factor, left: left * factor, height: height * factor, width: width * factor };
}
