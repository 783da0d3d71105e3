/**
 * What networks are given, whatever runs them.
 */

import type { RunTensor } from '../runtime/backend.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';

/** Options of a text encoder's `encode`. */
export type EncodeOptions = StageRunOptions & {
  /** Vectors [count, width] of the ids from the vocabulary's size on. */
  readonly extraEmbeddings?: HostTensor | undefined;
};

/** What a UNet and a ControlNet are given at every step. */
export type TrunkInputs = {
  /** Latents [B, C, H, W]. */
  readonly sample: RunTensor;
  /** One timestep for each picture of the batch, or one for all. */
  readonly timesteps: readonly number[];
  /** Text states [B, T, C]. */
  readonly context: RunTensor;
  /** SDXL: pooled text embedding [B, P] and six sizes for each picture. */
  readonly added?: { readonly textEmbeds: HostTensor; readonly timeIds: readonly number[] };
  /** LCM: embedded guidance scale [B, 256]. */
  readonly timestepCond?: HostTensor;
};

/** What a UNet is given at every step. */
export type UNetInputs = TrunkInputs & {
  /** Inpainting models: mask and masked picture [B, 5, H, W], the channels behind those of the sample. */
  readonly extra?: HostTensor;
  /** Residuals of each ControlNet, by the names its graph gives them. */
  readonly control?: readonly Readonly<Record<string, RunTensor>>[];
};
