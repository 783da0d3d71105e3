/**
 * What a text-to-image model is made of, whichever kind of files it came in.
 */

import type { JsonConfig } from '../networks/config.ts';
import type { ClipTokenizer } from '../text/clip-tokenizer.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { OnnxFile } from '../weights/onnx/onnx-file.ts';

/** A network: its config.json, and its weights under diffusers' names. */
export type NetworkPart = {
  /** Empty where an exported graph came without one. */
  readonly config: JsonConfig;
  readonly checkpoint: Checkpoint;
  /**
   * The graph that came with the weights, of an autoencoder the decoder's. The weights then have names of its own, and our
   * graph cannot be laid over them.
   */
  readonly exported?: OnnxFile | undefined;
};

/** An autoencoder. */
export type VaePart = NetworkPart & {
  /** The encoder, where {@link NetworkPart.exported} is the decoder and there is one. */
  readonly exportedEncoder?: OnnxFile | undefined;
};

/** A text encoder with the tokenizer that it was trained with. */
export type TextPart = NetworkPart & { readonly tokenizer: ClipTokenizer };

/** See the file's header. */
export type ModelParts = {
  /** For messages, such as the model's id. */
  readonly name: string;
  /** One, or two for SDXL. */
  readonly texts: readonly [TextPart, ...TextPart[]];
  readonly unet: NetworkPart;
  readonly vae: VaePart;
  /** A scheduler_config.json. */
  readonly schedulerConfig: JsonConfig;
  /** SDXL: whether an empty negative prompt is read as zeros. Default true. */
  readonly zeroesEmptyPrompt?: boolean;
};
