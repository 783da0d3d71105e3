/**
 * The networks of each family of models, as their published config files have them: what a model needs can be told from
 * them before it is here.
 */

import emojiText from '../../models/emoji-64/text_encoder/config.json' with { type: 'json' };
import emojiUnet from '../../models/emoji-64/unet/config.json' with { type: 'json' };
import emojiVae from '../../models/emoji-64/vae/config.json' with { type: 'json' };
import type { JsonConfig } from '../networks/config.ts';
import type { ModelEntry } from './manifest.ts';

/** Config files of a model's networks. */
export type ModelConfigs = {
  /** One, or two of SDXL. */
  readonly texts: readonly JsonConfig[];
  readonly unet: JsonConfig;
  readonly vae: JsonConfig;
};

/** AutoencoderTiny as TAESD and TAESDXL have it. */
export const LIGHT_VAE: JsonConfig = {
  _class_name: 'AutoencoderTiny',
  encoder_block_out_channels: [64, 64, 64, 64],
  decoder_block_out_channels: [64, 64, 64, 64],
  num_encoder_blocks: [1, 3, 3, 3],
  num_decoder_blocks: [3, 3, 3, 1],
};

const CLIP_L: JsonConfig = {
  architectures: ['CLIPTextModel'],
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: 'quick_gelu',
};

const OPEN_CLIP_H: JsonConfig = {
  architectures: ['CLIPTextModel'],
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 23,
  num_attention_heads: 16,
  hidden_act: 'gelu',
};

const OPEN_CLIP_G: JsonConfig = {
  architectures: ['CLIPTextModelWithProjection'],
  hidden_size: 1280,
  intermediate_size: 5120,
  num_hidden_layers: 32,
  num_attention_heads: 20,
  hidden_act: 'gelu',
  projection_dim: 1280,
};

const VAE: JsonConfig = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array<string>(4).fill('DownEncoderBlock2D'),
  up_block_types: Array<string>(4).fill('UpDecoderBlock2D'),
  layers_per_block: 2,
};

const SD1_UNET: JsonConfig = {
  sample_size: 64,
  block_out_channels: [320, 640, 1280, 1280],
  down_block_types: [...Array<string>(3).fill('CrossAttnDownBlock2D'), 'DownBlock2D'],
  up_block_types: ['UpBlock2D', ...Array<string>(3).fill('CrossAttnUpBlock2D')],
  cross_attention_dim: 768,
  attention_head_dim: 8,
};

const SDXL_UNET: JsonConfig = {
  sample_size: 128,
  block_out_channels: [320, 640, 1280],
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  transformer_layers_per_block: [1, 2, 10],
  cross_attention_dim: 2048,
  attention_head_dim: [5, 10, 20],
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 2816,
};

const FAMILIES: Readonly<Record<NonNullable<ModelEntry['family']>, ModelConfigs>> = {
  sd1: { texts: [CLIP_L], unet: SD1_UNET, vae: VAE },
  sd2: {
    texts: [OPEN_CLIP_H],
    unet: { ...SD1_UNET, cross_attention_dim: 1024, attention_head_dim: [5, 10, 20, 20] },
    vae: VAE,
  },
  sdxl: { texts: [CLIP_L, OPEN_CLIP_G], unet: SDXL_UNET, vae: VAE },
  emoji: { texts: [emojiText], unet: emojiUnet, vae: emojiVae },
};

/** Config files of the networks of an entry of the manifest; undefined when it names no family. */
export function assumedConfigs({
  family,
  configs = {},
}: Pick<ModelEntry, 'family' | 'configs'>): ModelConfigs | undefined {
  if (family === undefined) return undefined;
  const { texts, unet, vae } = FAMILIES[family];
  const changes = [configs.text_encoder, configs.text_encoder_2];
  return {
    texts: texts.map((text, i) => ({ ...text, ...changes[i] })),
    unet: { ...unet, ...configs.unet },
    vae: { ...vae, ...configs.vae },
  };
}
