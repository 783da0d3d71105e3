/**
 * An autoencoder that somebody else exported: a decoder, and an encoder where there is one.
 */

import { EngineError } from '../../errors.ts';
import { symbol, times, type Dim } from '../../graph/dim.ts';
import { ConfigReader, type JsonConfig } from '../../networks/config.ts';
import type { RunTensor } from '../../runtime/backend.ts';
import type { Runtime, StageRunOptions } from '../../runtime/runtime.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import type { OnnxFile } from '../../weights/onnx/onnx-file.ts';
import type { VaeNetwork } from '../model-networks.ts';
import { TiledStage } from '../tiled-stage.ts';
import { ExportedNetwork } from './exported-network.ts';
import { ExportedPorts, fixedDim } from './exported-ports.ts';

const LATENTS = ['latent_sample', 'latents', 'latent', 'z', 'sample'] as const;
const PICTURE = ['sample', 'image', 'images', 'pixel_values', 'x'] as const;
const ENCODED = ['latent_parameters', 'latent_sample', 'latents', 'latent_dist', 'moments'] as const;
const DECODED = ['sample', 'image', 'images'] as const;
/** What exporters call moments, of which the channels are not told. */
const MOMENTS = /parameters|moments|dist/;

/** Halvings of Stable Diffusion's autoencoders. */
const SCALE = 8;
const PICTURE_CHANNELS = 3;

/** The files of an exported autoencoder. */
export type ExportedVaeFiles = {
  readonly decoder: OnnxFile;
  readonly encoder: OnnxFile | undefined;
};

/** See the file's header. */
export class ExportedVae implements VaeNetwork {
  readonly config: VaeNetwork['config'];
  readonly scale: number;
  readonly hasPosterior: boolean;
  readonly checkpointIds: readonly string[];
  readonly #decoder: TiledStage;
  readonly #encoder: TiledStage | undefined;
  readonly #decoderName: string;

  /**
   * @param json the autoencoder's config.json; empty where there is none.
   * @param scalingFactor where that does not say it: the family's.
   * @throws EngineError `unsupported` when a graph lacks an input or output, or has inputs that are not known.
   */
  constructor(
    runtime: Runtime,
    json: JsonConfig,
    { decoder, encoder }: ExportedVaeFiles,
    scalingFactor: number,
  ) {
    const config = new ConfigReader(`the config of ${decoder.name}`, json);
    const levels = json['block_out_channels'];
    const [latents] = new ExportedPorts(decoder).neededInput(LATENTS, 4).dims.slice(1);
    const latentChannels =
      typeof latents === 'number' ? latents : config.number('latent_channels', 4);
    this.scale = Array.isArray(levels) ? 2 ** (levels.length - 1) : SCALE;
    this.config = {
      latentChannels,
      scalingFactor: config.number('scaling_factor', scalingFactor),
    };
    this.checkpointIds = [decoder, ...(encoder === undefined ? [] : [encoder])].map(
      ({ checkpoint }) => checkpoint.id,
    );
    this.#decoderName = decoder.name;
    this.#decoder = pictureStage(runtime, {
      name: 'VAE decoder',
      file: decoder,
      input: { names: LATENTS, channels: latentChannels, unit: 1 },
      output: { names: DECODED, channels: PICTURE_CHANNELS },
      outScale: this.scale,
    });
    if (encoder === undefined) {
      this.hasPosterior = false;
      return;
    }
    const encoded = new ExportedPorts(encoder).neededOutput(ENCODED, 4);
    const isNamedSo = MOMENTS.test(encoded.name);
    const channels = fixedDim(encoded, 1) ?? (isNamedSo ? 2 : 1) * latentChannels;
    this.hasPosterior = channels === 2 * latentChannels;
    this.#encoder = pictureStage(runtime, {
      name: 'VAE encoder',
      file: encoder,
      input: { names: PICTURE, channels: PICTURE_CHANNELS, unit: this.scale },
      output: { names: ENCODED, channels },
      outScale: 1 / this.scale,
    });
  }

  /** See {@link VaeNetwork.decode}. In tiles where there is no memory for the whole. */
  decode(latents: RunTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    return this.#decoder.run(latents, options);
  }

  /**
   * See {@link VaeNetwork.encode}.
   *
   * @throws EngineError `unsupported` where the model has a decoder alone.
   */
  async encode(image: HostTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    if (this.#encoder !== undefined) return this.#encoder.run(image, options);
    throw new EngineError(
      'unsupported',
      `beside ${this.#decoderName} there is no vae_encoder/model.onnx: this model cannot start from a picture`,
      { detail: { name: this.#decoderName, feature: 'image-to-image' } },
    );
  }
}

type PictureStage = {
  readonly name: string;
  readonly file: OnnxFile;
  readonly input: {
    readonly names: readonly string[];
    readonly channels: number;
    readonly unit: number;
  };
  readonly output: { readonly names: readonly string[]; readonly channels: number };
  readonly outScale: number;
};

function pictureStage(
  runtime: Runtime,
  { name, file, input, output, outScale }: PictureStage,
): TiledStage {
  const ports = new ExportedPorts(file);
  const given = ports.neededInput(input.names, 4);
  ports.refuseOthers();
  const taken = ports.neededOutput(output.names, 4);
  const size = (axis: number, open: string): Dim => fixedDim(given, axis) ?? symbol(open);
  const [batch, height, width] = [size(0, 'B'), size(2, 'H'), size(3, 'W')];
  const outSize = (axis: number, size_: Dim): Dim =>
    fixedDim(taken, axis) ?? (outScale >= 1 ? times(size_, outScale) : symbol(axis === 2 ? 'h' : 'w'));
  const network = new ExportedNetwork<null>(runtime, {
    name,
    file,
    interfaceOf: () => ({
      inputs: [
        {
          name: given.name,
          type: given.type,
          given: [{ name: 'picture', shape: [batch, input.channels, height, width], role: 'image' }],
        },
      ],
      outputs: [
        {
          name: taken.name,
          type: taken.type,
          shape: [batch, output.channels, outSize(2, height), outSize(3, width)],
          role: 'image',
        },
      ],
    }),
  });
  return new TiledStage({
    name,
    unit: input.unit,
    outScale,
    run: async (picture, options) =>
      (await network.run(null, { picture }, options))[taken.name] as RunTensor,
    // What its nodes need is not known; what has no memory is tried again in tiles.
    violations: () => [],
  });
}
