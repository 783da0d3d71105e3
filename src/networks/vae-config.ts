/**
 * The shapes of the autoencoders, read from their config.json.
 */

import { ConfigReader, type JsonConfig } from './config.ts';

/** An AutoencoderKL. */
export type VaeConfig = {
  readonly imageChannels: number;
  readonly latentChannels: number;
  /** Channels of each level, from full resolution down. */
  readonly widths: readonly number[];
  /** Residual blocks of each encoder level; the decoder has one more. */
  readonly layers: number;
  readonly groups: number;
  readonly hasMidAttention: boolean;
  readonly hasQuantConv: boolean;
  readonly hasPostQuantConv: boolean;
  /** Latents are multiplied by this after encoding and divided by it before decoding. */
  readonly scalingFactor: number;
  /** Whether its file is known to give right pictures in f16; only an explicit `force_upcast: false` says so. */
  readonly isSafeInHalf: boolean;
};

/** An AutoencoderTiny (TAESD). */
export type TinyVaeConfig = {
  readonly imageChannels: number;
  readonly latentChannels: number;
  readonly encoderWidths: readonly number[];
  readonly decoderWidths: readonly number[];
  readonly encoderBlocks: readonly number[];
  readonly decoderBlocks: readonly number[];
  readonly scalingFactor: number;
};

/** Pixels of the image for each latent pixel, along one side. */
export function vaeScale(config: VaeConfig | TinyVaeConfig): number {
  const levels = 'widths' in config ? config.widths.length : config.decoderBlocks.length;
  return 2 ** (levels - 1);
}

/** Reads an AutoencoderKL's config.json. */
export function parseVaeConfig(json: JsonConfig): VaeConfig {
  const config = new ConfigReader('VAE config', json);
  config.only('act_fn', 'silu');
  config.only('latents_mean', null);
  config.only('latents_std', null);
  config.only('shift_factor', null);
  const widths = config.numbers('block_out_channels');
  config.choices('down_block_types', ['DownEncoderBlock2D']);
  config.choices('up_block_types', ['UpDecoderBlock2D']);
  return {
    imageChannels: config.number('in_channels', 3),
    latentChannels: config.number('latent_channels', 4),
    widths,
    layers: config.number('layers_per_block', 1),
    groups: config.number('norm_num_groups', 32),
    hasMidAttention: config.boolean('mid_block_add_attention', true),
    hasQuantConv: config.boolean('use_quant_conv', true),
    hasPostQuantConv: config.boolean('use_post_quant_conv', true),
    scalingFactor: config.number('scaling_factor', 0.18215),
    isSafeInHalf: json['force_upcast'] === false,
  };
}

/** Reads an AutoencoderTiny's config.json. */
export function parseTinyVaeConfig(json: JsonConfig): TinyVaeConfig {
  const config = new ConfigReader('tiny VAE config', json);
  config.only('act_fn', 'relu');
  config.only('upsample_fn', 'nearest');
  config.only('upsampling_scaling_factor', 2);
  return {
    imageChannels: config.number('in_channels', 3),
    latentChannels: config.number('latent_channels', 4),
    encoderWidths: config.numbers('encoder_block_out_channels'),
    decoderWidths: config.numbers('decoder_block_out_channels'),
    encoderBlocks: config.numbers('num_encoder_blocks'),
    decoderBlocks: config.numbers('num_decoder_blocks'),
    scalingFactor: config.number('scaling_factor', 1),
  };
}
