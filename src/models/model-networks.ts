/**
 * What pipelines ask of a model's networks, whatever runs them: our graphs over a checkpoint, or graphs that somebody
 * else exported.
 */

import type { ClipOutput } from '../networks/clip-text.ts';
import type { TrunkConfig } from '../networks/unet-config.ts';
import type { RunTensor } from '../runtime/backend.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { EncodeOptions, UNetInputs } from './network-inputs.ts';

/** A text encoder. */
export type TextNetwork = {
  readonly config: {
    readonly vocabulary: number;
    /** Layers whose states can be had, beside what goes into the first one. */
    readonly layers: number;
    /** Numbers of a hidden state. */
    readonly width: number;
    /** Whether there is a projected pooled text. */
    readonly hasProjection: boolean;
  };
  /** Identities of its weights. */
  readonly checkpointIds: readonly string[];
  /** Encodes ids [batch, tokens] (row by row) into the outputs asked for, by their names. */
  encode(
    ids: ArrayLike<number>,
    tokens: number,
    outputs: readonly ClipOutput[],
    options?: EncodeOptions,
  ): Promise<Record<string, RunTensor>>;
};

/** A UNet. */
export type UNetNetwork = {
  readonly config: {
    readonly inChannels: number;
    /** SDXL: the width of the pooled text. */
    readonly added: { readonly textWidth: number } | undefined;
    /** LCM: the width of the embedded guidance scale. */
    readonly guidanceWidth: number | undefined;
  };
  /** What ControlNets have to match; undefined where there is no way in for what they say. */
  readonly trunk: TrunkConfig | undefined;
  /** Edge in latent pixels of what the model was trained on. */
  readonly sampleSize: number;
  /** Identities of its weights. */
  readonly checkpointIds: readonly string[];
  /** One evaluation: what the model predicts, called `out_sample` in the options, [B, C, H, W]. */
  predict(inputs: UNetInputs, options?: StageRunOptions): Promise<RunTensor>;
};

/** An autoencoder. */
export type VaeNetwork = {
  readonly config: {
    readonly latentChannels: number;
    /** Latents are multiplied by this after encoding and divided by it before decoding. */
    readonly scalingFactor: number;
  };
  /** Pixels for each latent pixel along one side. */
  readonly scale: number;
  /** Whether encoding gives moments, from which latents are drawn. */
  readonly hasPosterior: boolean;
  /** Identities of its weights. */
  readonly checkpointIds: readonly string[];
  /** A picture [B, 3, 8H, 8W] in about [-1, 1] from unscaled latents [B, C, H, W]. */
  decode(latents: RunTensor, options?: StageRunOptions): Promise<RunTensor>;
  /** Unscaled latents [B, C, H, W] of a picture in [-1, 1], or their moments [B, 2C, H, W]. */
  encode(image: HostTensor, options?: StageRunOptions): Promise<RunTensor>;
};
