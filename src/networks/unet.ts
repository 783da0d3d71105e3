/**
 * UNet2DConditionModel of diffusers: SD 1.x, SD 2.x, SDXL, inpainting and LCM variants.
 *
 * Inputs (all f32): `sample` (latents, any number of channels, of which some may come as `extra`), `time_proj` [B, C0], `encoder_hidden_states`
 * [B, T, C], where the config asks for them `timestep_cond` and `added_cond`, and for each ControlNet n
 * `control_n_down_i`, `control_n_mid`. Output: `out_sample`. See unet-inputs.ts for what fills them.
 */

import type { GraphModule } from '../graph/builder.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { resnetBlock, transformer2d, upsampler } from './blocks.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';
import { sizeMultiple, type UNetConfig } from './unet-config.ts';
import { conditions, downPath, middle, residualSizes, type Conditions } from './unet-trunk.ts';

/** Options of {@link unetGraph}. */
export type UNetOptions = NetworkOptions & {
  /** ControlNets whose residuals are added; default 0. */
  readonly controlNets?: number;
  /**
   * Whether latent sizes may be any number; default false, which promises multiples of 2^(levels - 1)
   * (64 pixels for SD 1.x) and saves the crops.
   */
  readonly isRagged?: boolean;
  /** Channels that come as an input `extra` of their own, behind those of `sample`: inpainting's 5; default 0. */
  readonly extraChannels?: number;
};

/** Writes the graph of a UNet. */
export function unetGraph(
  config: UNetConfig,
  checkpoint: Checkpoint,
  options: UNetOptions,
): GraphModule {
  return buildGraph('unet', checkpoint, options, (ops, w) => {
    const sizes = openSizes(options.isRagged === true ? 1 : sizeMultiple(config));
    const [first] = config.levels as [UNetConfig['levels'][0]];
    const { batch, height, width } = sizes;
    const { extraChannels = 0 } = options;
    const size = { batch, height, width };
    const channels = config.inChannels - extraChannels;
    const latents = ops.imageInput('sample', { ...size, channels });
    const sample =
      extraChannels === 0
        ? latents
        : ops.concatChannels(
            latents,
            ops.imageInput('extra', { ...size, channels: extraChannels }),
          );
    const given = conditions(ops, config, w, sizes);

    const entry = ops.conv2d(sample, w.at('conv_in'), { out: first.channels, kernel: 3 });
    const { last, skips } = downPath(ops, config, entry, given, w);
    const mid = middle(ops, config, last, given, w);
    const controlled = addResiduals(ops, skips, mid, options.controlNets ?? 0);
    const h = upPath(ops, config, controlled.mid, controlled.skips, given, w);

    const { groups, eps } = config;
    const normed = ops.groupNorm(h, w.at('conv_norm_out'), { groups, eps, silu: true });
    ops.imageOutput(
      'out_sample',
      ops.conv2d(normed, w.at('conv_out'), { out: config.outChannels, kernel: 3 }),
    );
  });
}

function addResiduals(
  ops: GraphOps,
  skips: readonly FeatureMap[],
  mid: FeatureMap,
  controlNets: number,
): { skips: FeatureMap[]; mid: FeatureMap } {
  const maps = [...skips, mid];
  for (let n = 0; n < controlNets; n++) {
    for (const [i, { name, size }] of residualSizes(skips, mid).entries()) {
      const residual = ops.imageInput(`control_${n}_${name}`, size);
      maps[i] = ops.addImages(maps[i] as FeatureMap, residual);
    }
  }
  return { skips: maps.slice(0, -1), mid: maps.at(-1) as FeatureMap };
}

function upPath(
  ops: GraphOps,
  config: UNetConfig,
  mid: FeatureMap,
  skips: readonly FeatureMap[],
  { time, context }: Conditions,
  w: WeightScope,
): FeatureMap {
  const { groups, eps } = config;
  const waiting = [...skips];
  const levels = config.levels.toReversed();
  let h = mid;
  for (const [i, level] of levels.entries()) {
    const block = w.at('up_blocks').at(i);
    const { channels: out, heads, depth } = level;
    for (let j = 0; j <= level.layers; j++) {
      h = ops.concatChannels(h, waiting.pop() as FeatureMap);
      h = resnetBlock(ops, h, block.at('resnets').at(j), { out, groups, eps, time });
      if (config.isCrossUp[i] === true) {
        h = transformer2d(ops, h, context, block.at('attentions').at(j), { heads, depth, groups });
      }
    }
    if (i < levels.length - 1) h = upsampler(ops, h, block.at('upsamplers.0'), waiting.at(-1));
  }
  return h;
}
