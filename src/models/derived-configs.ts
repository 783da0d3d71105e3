/**
 * Config files of networks that come without: told from the shapes of their weights, as far as shapes tell.
 *
 * What they do not tell (how many heads attention has, what the activation is) is the same in all checkpoints of a family.
 */

import type { JsonConfig } from '../networks/config.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';

/** What a family does not vary. */
export type FamilyConstants = {
  /** Heads of every level's attention, or the width of each head. */
  readonly heads: { readonly count: number } | { readonly width: number };
  /** Edge of the latents that it was trained on. */
  readonly sampleSize: number;
  readonly scalingFactor: number;
};

const SIZE_WIDTH = 256;

/** The config.json of a UNet under diffusers' names. */
export function unetConfig(checkpoint: Checkpoint, family: FamilyConstants): JsonConfig {
  const { heads, sampleSize } = family;
  const trunk = trunkConfig(checkpoint, heads);
  const levels = trunk.block_out_channels.length;
  const up = Array.from({ length: levels }, (_, i) =>
    has(checkpoint, `up_blocks.${i}.attentions.`) ? 'CrossAttnUpBlock2D' : 'UpBlock2D',
  );
  return {
    _class_name: 'UNet2DConditionModel',
    ...trunk,
    up_block_types: up,
    out_channels: size(checkpoint, 'conv_out.weight', 0),
    sample_size: sampleSize,
  };
}

/** The config.json of a ControlNet under diffusers' names. */
export function controlNetConfig(
  checkpoint: Checkpoint,
  { heads }: Pick<FamilyConstants, 'heads'>,
): JsonConfig {
  const hint = 'controlnet_cond_embedding';
  const widths = [size(checkpoint, `${hint}.conv_in.weight`, 0)];
  for (let i = 1; has(checkpoint, `${hint}.blocks.${i}.`); i += 2)
    widths.push(size(checkpoint, `${hint}.blocks.${i}.weight`, 0));
  return {
    _class_name: 'ControlNetModel',
    ...trunkConfig(checkpoint, heads),
    conditioning_channels: size(checkpoint, `${hint}.conv_in.weight`, 1),
    conditioning_embedding_out_channels: widths,
  };
}

/** The config.json of an AutoencoderKL under diffusers' names. */
export function vaeConfig(checkpoint: Checkpoint, scalingFactor: number): JsonConfig {
  const widths: number[] = [];
  while (has(checkpoint, `encoder.down_blocks.${widths.length}.`)) {
    widths.push(
      size(checkpoint, `encoder.down_blocks.${widths.length}.resnets.0.conv1.weight`, 0),
    );
  }
  return {
    _class_name: 'AutoencoderKL',
    in_channels: size(checkpoint, 'encoder.conv_in.weight', 1),
    latent_channels: size(checkpoint, 'decoder.conv_in.weight', 1),
    block_out_channels: widths,
    down_block_types: widths.map(() => 'DownEncoderBlock2D'),
    up_block_types: widths.map(() => 'UpDecoderBlock2D'),
    layers_per_block: countBlocks(checkpoint, 'encoder.down_blocks.0.resnets'),
    mid_block_add_attention: has(checkpoint, 'encoder.mid_block.attentions.'),
    use_quant_conv: has(checkpoint, 'quant_conv.'),
    use_post_quant_conv: has(checkpoint, 'post_quant_conv.'),
    scaling_factor: scalingFactor,
  };
}

/** Options of {@link textConfig}. */
export type TextConfigOptions = {
  readonly activation: 'quick_gelu' | 'gelu';
  /** Whether the checkpoint has OpenCLIP's transposed projection and it is used. */
  readonly hasOpenClipProjection: boolean;
  /** Width of each head: 64 in all of them. */
  readonly headWidth?: number;
};

/** The config.json of a text encoder under transformers' names. */
export function textConfig(
  checkpoint: Checkpoint,
  { activation, hasOpenClipProjection, headWidth = 64 }: TextConfigOptions,
): JsonConfig {
  const body = has(checkpoint, 'text_model.') ? 'text_model.' : '';
  const tokens = `${body}embeddings.token_embedding.weight`;
  const width = size(checkpoint, tokens, 1);
  const vocabulary = size(checkpoint, tokens, 0);
  return {
    architectures: [hasOpenClipProjection ? 'CLIPTextModelWithProjection' : 'CLIPTextModel'],
    vocab_size: vocabulary,
    max_position_embeddings: size(checkpoint, `${body}embeddings.position_embedding.weight`, 0),
    hidden_size: width,
    intermediate_size: size(checkpoint, `${body}encoder.layers.0.mlp.fc1.weight`, 0),
    num_hidden_layers: countBlocks(checkpoint, `${body}encoder.layers`),
    num_attention_heads: width / headWidth,
    hidden_act: activation,
    eos_token_id: vocabulary - 1,
    ...(hasOpenClipProjection
      ? {
          projection_dim: size(checkpoint, 'text_projection.weight', 1),
          text_projection_is_transposed: true,
        }
      : {}),
  };
}

function trunkConfig(checkpoint: Checkpoint, heads: FamilyConstants['heads']) {
  const widths: number[] = [];
  while (has(checkpoint, `down_blocks.${widths.length}.`))
    widths.push(size(checkpoint, `down_blocks.${widths.length}.resnets.0.conv1.weight`, 0));
  const isCross = widths.map((_, i) => has(checkpoint, `down_blocks.${i}.attentions.`));
  const mid = countBlocks(checkpoint, 'mid_block.attentions.0.transformer_blocks');
  const depths = isCross.map((cross, i) =>
    cross ? countBlocks(checkpoint, `down_blocks.${i}.attentions.0.transformer_blocks`) : 1,
  );
  // The middle takes the depth of the last level, which may have no attention of its own.
  if (isCross.at(-1) === false) depths[depths.length - 1] = mid;
  const added = sizeIfAny(checkpoint, 'add_embedding.linear_1.weight', 1);
  const guidance = sizeIfAny(checkpoint, 'time_embedding.cond_proj.weight', 1);
  const context = [...checkpoint.tensors].find(([name]) => name.endsWith('.attn2.to_k.weight'));
  return {
    in_channels: size(checkpoint, 'conv_in.weight', 1),
    block_out_channels: widths,
    down_block_types: isCross.map((cross) => (cross ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    layers_per_block: countBlocks(checkpoint, 'down_blocks.0.resnets'),
    transformer_layers_per_block: depths,
    attention_head_dim:
      'count' in heads ? heads.count : widths.map((width) => width / heads.width),
    cross_attention_dim: context?.[1].shape[1] ?? 0,
    ...(added === undefined
      ? {}
      : {
          addition_embed_type: 'text_time',
          addition_time_embed_dim: SIZE_WIDTH,
          projection_class_embeddings_input_dim: added,
        }),
    ...(guidance === undefined ? {} : { time_cond_proj_dim: guidance }),
  };
}

function has({ tensors }: Checkpoint, prefix: string): boolean {
  for (const name of tensors.keys()) if (name.startsWith(prefix)) return true;
  return false;
}

/** How many numbered blocks there are below a path. */
function countBlocks(checkpoint: Checkpoint, path: string): number {
  let count = 0;
  while (has(checkpoint, `${path}.${count}.`)) count++;
  return count;
}

function sizeIfAny({ tensors }: Checkpoint, name: string, axis: number): number | undefined {
  return tensors.get(name)?.shape[axis];
}

/** A dimension of a tensor; 0 when it is missing, which the network then reports by its name. */
function size(checkpoint: Checkpoint, name: string, axis: number): number {
  return sizeIfAny(checkpoint, name, axis) ?? 0;
}
