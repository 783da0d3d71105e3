/**
 * The shape of a UNet2DConditionModel or ControlNetModel, read from its config.json.
 */

import { ConfigReader, type JsonConfig } from './config.ts';

const DOWN_BLOCKS = ['DownBlock2D', 'CrossAttnDownBlock2D'] as const;
const UP_BLOCKS = ['UpBlock2D', 'CrossAttnUpBlock2D'] as const;
const TIME_IDS = 6;

/** One resolution level of a UNet's way down; the way up mirrors it. */
export type UNetLevel = {
  readonly channels: number;
  /** Residual blocks on the way down; the way up has one more. */
  readonly layers: number;
  /** Whether transformers follow the residual blocks on the way down. */
  readonly isCrossDown: boolean;
  readonly heads: number;
  /** Transformer blocks after each residual block. */
  readonly depth: number;
};

/** The trunk that UNet and ControlNet share. */
export type TrunkConfig = {
  readonly inChannels: number;
  readonly levels: readonly UNetLevel[];
  /** Width of the text states that cross-attention reads. */
  readonly contextWidth: number;
  readonly groups: number;
  /** Epsilon of the residual blocks' norms and of the last norm. */
  readonly eps: number;
  readonly flipSinToCos: boolean;
  readonly freqShift: number;
  /** SDXL: widths of the pooled text embedding and of each size's sinusoid. */
  readonly added:
    { readonly textWidth: number; readonly sizeWidth: number; readonly sizes: number } | undefined;
  /** LCM: width of the embedded guidance scale. */
  readonly guidanceWidth: number | undefined;
};

/** A UNet2DConditionModel. */
export type UNetConfig = TrunkConfig & {
  readonly outChannels: number;
  /** Whether each level of the way up, the deepest first, has transformers. */
  readonly isCrossUp: readonly boolean[];
};

/** A ControlNetModel. */
export type ControlNetConfig = TrunkConfig & {
  readonly hintChannels: number;
  /** Channels of the hint network, from full resolution down. */
  readonly hintWidths: readonly number[];
  /** The hint's channels come in the order blue, green, red. */
  readonly isBgr: boolean;
  /** Outputs are averaged over the picture (the shuffle net). */
  readonly poolsOutputs: boolean;
};

/** Pixels of a hint image for each latent pixel. */
export function hintScale(config: ControlNetConfig): number {
  return 2 ** (config.hintWidths.length - 1);
}

/** Latent sizes that are multiples of this need no cropping on the way up. */
export function sizeMultiple(config: TrunkConfig): number {
  return 2 ** (config.levels.length - 1);
}

/** Reads a UNet2DConditionModel's config.json; throws EngineError for values this network does not have. */
export function parseUNetConfig(json: JsonConfig): UNetConfig {
  const config = new ConfigReader('UNet config', json);
  const trunk = parseTrunk(config);
  config.only('mid_block_type', 'UNetMidBlock2DCrossAttn');
  config.only('conv_in_kernel', 3);
  config.only('conv_out_kernel', 3);
  config.only('center_input_sample', false);
  const up = config.choices('up_block_types', UP_BLOCKS);
  if (up.length !== trunk.levels.length)
    config.only('up_block_types', `a list of ${trunk.levels.length}`);
  return {
    ...trunk,
    outChannels: config.number('out_channels', 4),
    isCrossUp: up.map((type) => type === 'CrossAttnUpBlock2D'),
  };
}

/** Reads a ControlNetModel's config.json. */
export function parseControlNetConfig(json: JsonConfig): ControlNetConfig {
  const config = new ConfigReader('ControlNet config', json);
  return {
    ...parseTrunk(config),
    hintChannels: config.number('conditioning_channels', 3),
    hintWidths: config.numbers('conditioning_embedding_out_channels'),
    isBgr: config.choice('controlnet_conditioning_channel_order', ['rgb', 'bgr'], 'rgb') === 'bgr',
    poolsOutputs: config.boolean('global_pool_conditions', false),
  };
}

function parseTrunk(config: ConfigReader): TrunkConfig {
  refuseUnknownVariants(config);
  const down = config.choices('down_block_types', DOWN_BLOCKS);
  const count = down.length;
  const channels = config.perBlock('block_out_channels', count);
  const layers = config.perBlock('layers_per_block', count, 2);
  const depths = config.perBlock('transformer_layers_per_block', count, 1);
  // diffusers calls the number of heads attention_head_dim, by an old mistake that files depend on.
  const headsField = config.has('num_attention_heads')
    ? 'num_attention_heads'
    : 'attention_head_dim';
  const heads = config.perBlock(headsField, count, 8);
  return {
    inChannels: config.number('in_channels', 4),
    levels: down.map((type, i) => ({
      channels: channels[i] as number,
      layers: layers[i] as number,
      isCrossDown: type === 'CrossAttnDownBlock2D',
      heads: heads[i] as number,
      depth: depths[i] as number,
    })),
    contextWidth: config.number('cross_attention_dim', 1280),
    groups: config.number('norm_num_groups', 32),
    eps: config.number('norm_eps', 1e-5),
    flipSinToCos: config.boolean('flip_sin_to_cos', true),
    freqShift: config.number('freq_shift', 0),
    added: parseAdded(config),
    guidanceWidth: config.optionalNumber('time_cond_proj_dim'),
  };
}

function parseAdded(config: ConfigReader): TrunkConfig['added'] {
  config.only('addition_embed_type', null, 'text_time');
  if (config.config['addition_embed_type'] !== 'text_time') return undefined;
  const sizeWidth = config.number('addition_time_embed_dim');
  const textWidth = config.number('projection_class_embeddings_input_dim') - TIME_IDS * sizeWidth;
  return { textWidth, sizeWidth, sizes: TIME_IDS };
}

function refuseUnknownVariants(config: ConfigReader): void {
  config.only('act_fn', 'silu', 'swish');
  config.only('downsample_padding', 1);
  config.only('mid_block_scale_factor', 1);
  config.only('resnet_time_scale_shift', 'default');
  config.only('class_embed_type', null);
  config.only('num_class_embeds', null);
  config.only('encoder_hid_dim', null);
  config.only('encoder_hid_dim_type', null);
  config.only('only_cross_attention', false);
  config.only('dual_cross_attention', false);
  config.only('mid_block_only_cross_attention', null, false);
  config.only('cross_attention_norm', null);
  config.only('time_embedding_type', 'positional');
  config.only('time_embedding_dim', null);
  config.only('time_embedding_act_fn', null);
  config.only('timestep_post_act', null);
  config.only('resnet_out_scale_factor', 1);
  config.only('resnet_skip_time_act', false);
  config.only('attention_type', 'default');
  config.only('class_embeddings_concat', false);
  config.only('reverse_transformer_layers_per_block', null);
}
