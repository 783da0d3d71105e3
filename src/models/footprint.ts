/**
 * What a model needs on a machine, told before anything of it is downloaded: memory and time of each network.
 *
 * The networks are written over imagined checkpoints and planned by the runtime that would run them, so that formats, cuts
 * and tiles are those of a real run.
 */

import { isEngineError } from '../errors.ts';
import type { WeightBits } from '../graph/builder.ts';
import type { ClipOutput } from '../networks/clip-text.ts';
import type { JsonConfig } from '../networks/config.ts';
import { sizeMultiple } from '../networks/unet-config.ts';
import type { UpscalerConfig } from '../networks/upscaler-config.ts';
import { imaginedHost, type MachineProfile } from '../runtime/machine.ts';
import type { Violation } from '../runtime/plan.ts';
import { Runtime } from '../runtime/runtime.ts';
import type { FittedGraph } from '../runtime/stage.ts';
import { assumedCheckpoint } from '../weights/assumed-checkpoint.ts';
import { LIGHT_VAE, type ModelConfigs } from './families.ts';
import type { ExportedBytes } from './needed-files.ts';
import { TextEncoder } from './text-encoder.ts';
import { tilesOf } from './tiling.ts';
import { UNet } from './unet.ts';
import { Upscaler } from './upscaler.ts';
import { Autoencoder } from './vae.ts';

/** One network at one size. */
export type StageFootprint = {
  /** Bytes of its weights in the format that they would be held in. */
  readonly weightBytes: number;
  /** Bytes of memory that a run takes beside the weights. */
  readonly workBytes: number;
  /** Of one run; undefined where the machine's speed was not measured. */
  readonly seconds: number | undefined;
  /** Operations of one run; multiply and add are two. */
  readonly flops: number;
  /** What of it the machine does not allow; undefined when it can run. */
  readonly problem: Pick<Violation, 'reason' | 'value' | 'limit'> | undefined;
};

/** The networks that draw a picture. */
export type Footprint = {
  /** Text encoders, one prompt each. */
  readonly texts: readonly StageFootprint[];
  /** One evaluation. */
  readonly unet: StageFootprint;
  /** One picture, or the tile that it is decoded in at one time. */
  readonly decoder: StageFootprint;
  /** How many tiles a picture is decoded in. */
  readonly tiles: number;
};

/** An upscaler at work on a picture. */
export type EnlargingFootprint = {
  /** One tile. */
  readonly tile: StageFootprint;
  /** How many tiles there are, and the sides of one in pixels. */
  readonly tiles: ReturnType<Upscaler['tilesFor']>;
};

/** What a footprint is told of. */
export type FootprintSize = {
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Rows of an evaluation: two a picture with guidance, else one. */
  readonly rows: number;
};

/** Tokens of a prompt. */
const TOKENS = 77;

/** How a model would be held. */
export type FootprintForm = {
  /** Bits of the weights of large linear layers. */
  readonly weightBits: WeightBits;
  /** Whether TAESD decodes in place of the model's own autoencoder. */
  readonly hasLightVae: boolean;
};

/** Tells footprints on one machine; the graph of a network is written once for all models and sizes. */
export class FootprintPlanner {
  readonly machine: MachineProfile;
  readonly #sets = new Map<WeightBits, ImaginedNetworks>();

  constructor(machine: MachineProfile) {
    this.machine = machine;
  }

  /** What a model of such networks needs for a picture; `exported` are those of which somebody else made the graphs. */
  footprint(
    { texts, unet, vae }: ModelConfigs,
    size: FootprintSize,
    { weightBits, hasLightVae }: FootprintForm,
    exported: ExportedBytes = {},
  ): Footprint {
    const networks = this.#networks(weightBits);
    const decoder = networks.vae(hasLightVae ? LIGHT_VAE : vae);
    const { scale, config } = decoder;
    const [height, width] = [size.height / scale, size.width / scale];
    const latents = [size.rows, config.latentChannels, height, width] as const;
    const { text_encoder: first, text_encoder_2: second, vae_decoder: half } = exported;
    const decoding = networks.decoding(decoder, height, width);
    return {
      texts: texts.map((text, i) =>
        asExported(networks.encoding(text, texts.length > 1), i === 0 ? first : second),
      ),
      unet: asExported(networks.evaluation(unet, latents), exported.unet),
      decoder: asExported(decoding.decoder, hasLightVae ? undefined : half),
      tiles: decoding.tiles,
    };
  }

  /** What an upscaler needs to enlarge a picture of this size in pixels. */
  enlarging(
    config: UpscalerConfig,
    size: Pick<FootprintSize, 'width' | 'height'>,
  ): EnlargingFootprint {
    return this.#networks(16).enlarging(config, size);
  }

  #networks(weightBits: WeightBits): ImaginedNetworks {
    const known = this.#sets.get(weightBits);
    if (known !== undefined) return known;
    const networks = new ImaginedNetworks(this.machine, weightBits);
    this.#sets.set(weightBits, networks);
    return networks;
  }
}

/** Networks over imagined checkpoints, by their configs. */
class ImaginedNetworks {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, unknown>();

  constructor(machine: MachineProfile, weightBits: WeightBits) {
    this.#runtime = new Runtime(imaginedHost(machine), { weightBits });
  }

  vae(json: JsonConfig): Autoencoder {
    return this.#once(json, (id) => new Autoencoder(this.#runtime, json, assumedCheckpoint(id)));
  }

  /** @param isOneOfTwo SDXL reads the last layer but one, and the second encoder's pooled text. */
  encoding(json: JsonConfig, isOneOfTwo: boolean): StageFootprint {
    const { stage, config } = this.#once(
      json,
      (id) => new TextEncoder(this.#runtime, json, assumedCheckpoint(id)),
    );
    const outputs: ClipOutput[] = [
      { kind: 'hidden', name: 'state', layer: isOneOfTwo ? -2 : -1, normed: !isOneOfTwo },
    ];
    if (config.hasProjection) outputs.push({ kind: 'pooled', name: 'pooled', projected: true });
    const inputs = {
      embeddings: { dims: [1, TOKENS, config.width] },
      pool_mask: { dims: [1, 1, TOKENS] },
    };
    return footprintOf(this.#runtime.fit(stage, outputs, inputs));
  }

  evaluation(
    json: JsonConfig,
    [rows, channels, height, width]: readonly [number, number, number, number],
  ): StageFootprint {
    const { stage, config } = this.#once(
      json,
      (id) => new UNet(this.#runtime, json, assumedCheckpoint(id)),
    );
    const { added, guidanceWidth, levels } = config;
    const extraChannels = config.inChannels - channels;
    const inputs = {
      sample: { dims: [rows, channels, height, width] },
      extra: { dims: [rows, extraChannels, height, width] },
      time_proj: { dims: [rows, levels[0]?.channels ?? 0] },
      encoder_hidden_states: { dims: [rows, TOKENS, config.contextWidth] },
      added_cond: {
        dims: [rows, added === undefined ? 0 : added.textWidth + added.sizes * added.sizeWidth],
      },
      timestep_cond: { dims: [rows, guidanceWidth ?? 0] },
    };
    const isRagged = height % sizeMultiple(config) !== 0 || width % sizeMultiple(config) !== 0;
    const variant = { controlNets: 0, isRagged, extraChannels };
    return footprintOf(this.#runtime.fit(stage, variant, inputs));
  }

  enlarging(
    config: UpscalerConfig,
    { width, height }: Pick<FootprintSize, 'width' | 'height'>,
  ): EnlargingFootprint {
    const upscaler = this.#once(
      config,
      (id) => new Upscaler(this.#runtime, { config, checkpoint: assumedCheckpoint(id) }),
    );
    const tiles = upscaler.tilesFor(height, width);
    const image = { dims: [1, 3, tiles.height, tiles.width] };
    return { tile: footprintOf(this.#runtime.fit(upscaler.stage, null, { image })), tiles };
  }

  decoding(
    vae: Autoencoder,
    height: number,
    width: number,
  ): Pick<Footprint, 'decoder' | 'tiles'> {
    const { decoder, config } = vae;
    const at = (h: number, w: number): StageFootprint =>
      footprintOf(
        this.#runtime.fit(decoder, null, { latents: { dims: [1, config.latentChannels, h, w] } }),
      );
    try {
      const tile = vae.tileFor('decode', height, width);
      if (tile === undefined) return { decoder: at(height, width), tiles: 1 };
      return {
        decoder: at(Math.min(tile, height), Math.min(tile, width)),
        tiles: tilesOf(height, width, tile).length,
      };
    } catch (error) {
      // Even the smallest tile is too much.
      if (!isEngineError(error) || error.code !== 'unsupported') throw error;
      return { decoder: at(height, width), tiles: 1 };
    }
  }

  #once<T>(json: JsonConfig | UpscalerConfig, make: (id: string) => T): T {
    const id = JSON.stringify(json);
    const known = this.#known.get(id) as T | undefined;
    if (known !== undefined) return known;
    const made = make(id);
    this.#known.set(id, made);
    return made;
  }
}

/**
 * The network as an exported graph of so many bytes, undefined for none. Its nodes are not known, so the work is that of our
 * own graph, larger where the export's numbers are: those of a run have the format of the weights.
 */
function asExported(ours: StageFootprint, bytes: number | undefined): StageFootprint {
  if (bytes === undefined) return ours;
  const { weightBytes, workBytes, problem } = ours;
  return {
    ...ours,
    weightBytes: bytes,
    workBytes: workBytes * Math.max(1, bytes / weightBytes),
    // Whether there is memory for it shows in the sums.
    problem: problem?.reason === 'memory' ? undefined : problem,
  };
}

function footprintOf({ plan }: FittedGraph): StageFootprint {
  const { cost, workBytes, seconds, violations } = plan;
  const { weightBytes, flops } = cost;
  // What is bound in pieces is no problem.
  const problem = violations.find(({ reason }) => reason !== 'binding');
  return { weightBytes, workBytes, seconds, flops, problem };
}
