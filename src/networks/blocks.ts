/**
 * Building blocks that UNet, ControlNet and autoencoder share: residual block, transformer, sampling.
 *
 * Weight names and epsilons are those of diffusers: 1e-5 in a UNet's residual blocks, 1e-6 in the
 * GroupNorm of its transformers and everywhere in an autoencoder.
 */

import type { Value } from '../graph/builder.ts';
import { lastOf, type FeatureMap, type GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';

/** Options of {@link resnetBlock}. */
export type ResnetOptions = {
  readonly out: number;
  readonly groups: number;
  readonly eps: number;
  /** SiLU of the time embedding [B, E]; absent in autoencoders. */
  readonly time?: Value | undefined;
};

/** Options of {@link transformer2d}. */
export type TransformerOptions = {
  readonly heads: number;
  /** Transformer blocks in a row. */
  readonly depth: number;
  readonly groups: number;
};

const TRANSFORMER_GROUP_NORM_EPS = 1e-6;
const LAYER_NORM_EPS = 1e-5;

/** Two 3x3 convolutions with norms before them, the time embedding between, and a shortcut. */
export function resnetBlock(
  ops: GraphOps,
  x: FeatureMap,
  w: WeightScope,
  options: ResnetOptions,
): FeatureMap {
  const { out, groups, eps, time } = options;
  let h = ops.groupNorm(x, w.at('norm1'), { groups, eps, silu: true });
  h = ops.conv2d(h, w.at('conv1'), { out, kernel: 3 });
  if (time !== undefined)
    h = ops.addPerChannel(h, ops.linear(time, w.at('time_emb_proj'), { out }));
  h = ops.groupNorm(h, w.at('norm2'), { groups, eps, silu: true });
  h = ops.conv2d(h, w.at('conv2'), { out, kernel: 3 });
  const shortcut =
    x.channels === out ? x : ops.conv2d(x, w.at('conv_shortcut'), { out, kernel: 1, like: h });
  return ops.addImages(h, shortcut);
}

/** GroupNorm, projection, `depth` transformer blocks over the pixels, projection, and a shortcut. */
export function transformer2d(
  ops: GraphOps,
  x: FeatureMap,
  context: Value,
  w: WeightScope,
  { heads, depth, groups }: TransformerOptions,
): FeatureMap {
  const width = x.channels;
  const normed = ops.groupNorm(x, w.at('norm'), { groups, eps: TRANSFORMER_GROUP_NORM_EPS });
  // A 1x1 convolution is the linear layer over tokens, so both kinds of projection are written as one.
  let tokens = ops.linear(ops.toTokens(normed), w.at('proj_in'), { out: width });
  for (let i = 0; i < depth; i++) {
    tokens = transformerBlock(ops, tokens, context, w.at('transformer_blocks').at(i), heads);
  }
  const projected = ops.linear(tokens, w.at('proj_out'), { out: width });
  return ops.addImages(ops.fromTokens(projected, x), x);
}

function transformerBlock(
  ops: GraphOps,
  x: Value,
  context: Value,
  w: WeightScope,
  heads: number,
): Value {
  const width = lastOf(x);
  let h = x;
  const forSelf = ops.layerNorm(h, w.at('norm1'), LAYER_NORM_EPS);
  h = ops.add(crossAttention(ops, forSelf, forSelf, w.at('attn1'), heads), h);
  const forCross = ops.layerNorm(h, w.at('norm2'), LAYER_NORM_EPS);
  h = ops.add(crossAttention(ops, forCross, context, w.at('attn2'), heads), h);
  const forFeed = ops.layerNorm(h, w.at('norm3'), LAYER_NORM_EPS);
  const gated = ops.geglu(forFeed, w.at('ff.net.0.proj'), { out: 4 * width });
  return ops.add(ops.linear(gated, w.at('ff.net.2'), { out: width }), h);
}

function crossAttention(
  ops: GraphOps,
  x: Value,
  context: Value,
  w: WeightScope,
  heads: number,
): Value {
  const width = lastOf(x);
  const q = ops.linear(x, w.at('to_q'), { out: width, bias: false });
  const k = ops.linear(context, w.at('to_k'), { out: width, bias: false });
  const v = ops.linear(context, w.at('to_v'), { out: width, bias: false });
  return ops.linear(ops.attention(q, k, v, { heads }), w.at('to_out.0'), { out: width });
}

/** Doubles the size and convolves; cut to the size of `like` when that is odd. */
export function upsampler(
  ops: GraphOps,
  x: FeatureMap,
  w: WeightScope,
  like?: FeatureMap,
): FeatureMap {
  const doubled = ops.upsample(x, 2);
  const isExact =
    like === undefined ||
    (String(like.height) === String(doubled.height) &&
      String(like.width) === String(doubled.width));
  const sized = isExact ? doubled : ops.cropTo(doubled, like);
  return ops.conv2d(sized, w.at('conv'), { out: x.channels, kernel: 3 });
}
