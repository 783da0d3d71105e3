/**
 * The half that UNet and ControlNet share: embeddings, the way down, the middle block.
 */

import type { Value } from '../graph/builder.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import { resnetBlock, transformer2d } from './blocks.ts';
import type { Sizes } from './network.ts';
import type { TrunkConfig, UNetLevel } from './unet-config.ts';

/** What conditions every block. */
export type Conditions = {
  /** SiLU of the summed time (and size, text, guidance) embedding [B, E]. */
  readonly time: Value;
  /** Text states [B, T, C]. */
  readonly context: Value;
};

/** Declares the inputs of the embeddings and sums them; the names are those of unet-inputs.ts. */
export function conditions(
  ops: GraphOps,
  config: TrunkConfig,
  w: WeightScope,
  sizes: Sizes,
): Conditions {
  const [first] = config.levels as [UNetLevel];
  const out = 4 * first.channels;
  const mlp = (x: Value, scope: WeightScope): Value =>
    ops.linear(ops.silu(ops.linear(x, scope.at('linear_1'), { out })), scope.at('linear_2'), {
      out,
    });

  let wave = ops.input('time_proj', [sizes.batch, first.channels]);
  if (config.guidanceWidth !== undefined) {
    const guidance = ops.input('timestep_cond', [sizes.batch, config.guidanceWidth]);
    const scope = w.at('time_embedding.cond_proj');
    wave = ops.add(wave, ops.linear(guidance, scope, { out: first.channels, bias: false }));
  }
  let embedding = mlp(wave, w.at('time_embedding'));
  if (config.added !== undefined) {
    const { textWidth, sizeWidth, sizes: count } = config.added;
    const added = ops.input('added_cond', [sizes.batch, textWidth + count * sizeWidth]);
    embedding = ops.add(embedding, mlp(added, w.at('add_embedding')));
  }
  const context = ops.input('encoder_hidden_states', [
    sizes.batch,
    sizes.tokens,
    config.contextWidth,
  ]);
  return { time: ops.silu(embedding), context };
}

/** The way down from `x` (the output of conv_in): the last map, and every skip connection in order. */
export function downPath(
  ops: GraphOps,
  config: TrunkConfig,
  x: FeatureMap,
  { time, context }: Conditions,
  w: WeightScope,
): { last: FeatureMap; skips: FeatureMap[] } {
  const { groups, eps } = config;
  const skips = [x];
  let h = x;
  for (const [i, level] of config.levels.entries()) {
    const block = w.at('down_blocks').at(i);
    const { channels: out, heads, depth } = level;
    for (let j = 0; j < level.layers; j++) {
      h = resnetBlock(ops, h, block.at('resnets').at(j), { out, groups, eps, time });
      if (level.isCrossDown) {
        h = transformer2d(ops, h, context, block.at('attentions').at(j), { heads, depth, groups });
      }
      skips.push(h);
    }
    if (i < config.levels.length - 1) {
      h = ops.conv2d(h, block.at('downsamplers.0.conv'), { out, kernel: 3, stride: 2 });
      skips.push(h);
    }
  }
  return { last: h, skips };
}

/** Residual block, transformer, residual block at the lowest resolution. */
export function middle(
  ops: GraphOps,
  config: TrunkConfig,
  x: FeatureMap,
  { time, context }: Conditions,
  w: WeightScope,
): FeatureMap {
  const { groups, eps } = config;
  const { heads, depth } = config.levels.at(-1) as UNetLevel;
  const scope = w.at('mid_block');
  const resnet = (h: FeatureMap, j: number): FeatureMap =>
    resnetBlock(ops, h, scope.at('resnets').at(j), { out: x.channels, groups, eps, time });
  const attended = transformer2d(ops, resnet(x, 0), context, scope.at('attentions.0'), {
    heads,
    depth,
    groups,
  });
  return resnet(attended, 1);
}

/** Names and sizes of the residuals a ControlNet adds: one for every skip connection, one for the middle. */
export function residualSizes(
  skips: readonly FeatureMap[],
  mid: FeatureMap,
): { name: string; size: Omit<FeatureMap, 'tensor'> }[] {
  const maps = [...skips, mid];
  return maps.map(({ batch, height, width, channels }, i) => ({
    name: i < skips.length ? `down_${i}` : 'mid',
    size: { batch, height, width, channels },
  }));
}
