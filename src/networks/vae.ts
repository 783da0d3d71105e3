/**
 * AutoencoderKL of diffusers, encoder and decoder.
 *
 * Decoder: `latents` (unscaled: divided by the scaling factor) to `image` in about [-1, 1]. Encoder: `image`
 * in [-1, 1] to `moments`, the mean and the logarithm of the variance one behind the other, 2 * latent
 * channels. All f32 outside; the middle block's attention is one head of full width, cut over its queries.
 */

import type { GraphModule } from '../graph/builder.ts';
import { times } from '../graph/dim.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { resnetBlock, upsampler } from './blocks.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';
import { vaeScale, type VaeConfig } from './vae-config.ts';

const EPS = 1e-6;
/** diffusers' encoder pads its strided convolutions at the bottom and the right alone. */
const BOTTOM_RIGHT = [0, 0, 1, 1] as const;

/** Writes the graph of the decoder; its open sizes are those of the latents. */
export function vaeDecoderGraph(
  config: VaeConfig,
  checkpoint: Checkpoint,
  options: NetworkOptions,
): GraphModule {
  return buildGraph('vae_decoder', checkpoint, options, (ops, w) => {
    w.skip('encoder');
    w.skip('quant_conv');
    const { batch, height, width } = openSizes();
    const latents = ops.imageInput('latents', {
      batch,
      height,
      width,
      channels: config.latentChannels,
    });
    const d = w.at('decoder');
    const { groups } = config;
    const widths = config.widths.toReversed();
    let h = config.hasPostQuantConv
      ? ops.conv2d(latents, w.at('post_quant_conv'), { out: config.latentChannels, kernel: 1 })
      : latents;
    h = ops.conv2d(h, d.at('conv_in'), { out: widths[0] as number, kernel: 3 });
    h = midBlock(ops, config, h, d.at('mid_block'));
    for (const [i, out] of widths.entries()) {
      const block = d.at('up_blocks').at(i);
      for (let j = 0; j <= config.layers; j++) {
        h = resnetBlock(ops, h, block.at('resnets').at(j), { out, groups, eps: EPS });
      }
      if (i < widths.length - 1) h = upsampler(ops, h, block.at('upsamplers.0'));
    }
    h = ops.groupNorm(h, d.at('conv_norm_out'), { groups, eps: EPS, silu: true });
    ops.imageOutput(
      'image',
      ops.conv2d(h, d.at('conv_out'), { out: config.imageChannels, kernel: 3 }),
    );
  });
}

/** Writes the graph of the encoder; its open sizes are those of the latents, 1/8 of the image's for SD. */
export function vaeEncoderGraph(
  config: VaeConfig,
  checkpoint: Checkpoint,
  options: NetworkOptions,
): GraphModule {
  return buildGraph('vae_encoder', checkpoint, options, (ops, w) => {
    w.skip('decoder');
    w.skip('post_quant_conv');
    const { batch, height, width } = openSizes();
    const scale = vaeScale(config);
    const image = ops.imageInput('image', {
      batch,
      height: times(height, scale),
      width: times(width, scale),
      channels: config.imageChannels,
    });
    const e = w.at('encoder');
    const { groups, widths } = config;
    const moments = 2 * config.latentChannels;
    let h = ops.conv2d(image, e.at('conv_in'), { out: widths[0] as number, kernel: 3 });
    for (const [i, out] of widths.entries()) {
      const block = e.at('down_blocks').at(i);
      for (let j = 0; j < config.layers; j++) {
        h = resnetBlock(ops, h, block.at('resnets').at(j), { out, groups, eps: EPS });
      }
      if (i < widths.length - 1) {
        const conv = block.at('downsamplers.0.conv');
        h = ops.conv2d(h, conv, { out, kernel: 3, stride: 2, padding: BOTTOM_RIGHT });
      }
    }
    h = midBlock(ops, config, h, e.at('mid_block'));
    h = ops.groupNorm(h, e.at('conv_norm_out'), { groups, eps: EPS, silu: true });
    h = ops.conv2d(h, e.at('conv_out'), { out: moments, kernel: 3 });
    if (config.hasQuantConv) h = ops.conv2d(h, w.at('quant_conv'), { out: moments, kernel: 1 });
    ops.imageOutput('moments', h);
  });
}

function midBlock(ops: GraphOps, config: VaeConfig, x: FeatureMap, w: WeightScope): FeatureMap {
  const { groups } = config;
  const resnet = (h: FeatureMap, j: number): FeatureMap =>
    resnetBlock(ops, h, w.at('resnets').at(j), { out: x.channels, groups, eps: EPS });
  const first = resnet(x, 0);
  return resnet(
    config.hasMidAttention ? selfAttention(ops, config, first, w.at('attentions.0')) : first,
    1,
  );
}

function selfAttention(
  ops: GraphOps,
  config: VaeConfig,
  x: FeatureMap,
  w: WeightScope,
): FeatureMap {
  const out = x.channels;
  const tokens = ops.toTokens(
    ops.groupNorm(x, w.at('group_norm'), { groups: config.groups, eps: EPS }),
  );
  // Files from before diffusers 0.15 say query, key, value and proj_attn.
  const q = ops.linear(tokens, w.firstOf('to_q', 'query'), { out });
  const k = ops.linear(tokens, w.firstOf('to_k', 'key'), { out });
  const v = ops.linear(tokens, w.firstOf('to_v', 'value'), { out });
  const attended = ops.linear(ops.wideAttention(q, k, v), w.firstOf('to_out.0', 'proj_attn'), {
    out,
  });
  return ops.addImages(ops.fromTokens(attended, x), x);
}
