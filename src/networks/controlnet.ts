/**
 * ControlNetModel of diffusers: a UNet's way down that reads a hint picture and returns residuals.
 *
 * Inputs (all f32): those of the UNet it steers, `hint` (RGB in [0, 1] at full size) and
 * `conditioning_scale` [B, 1, 1, 1]. Outputs: `down_i` for every skip connection and `mid`, already scaled.
 */

import type { GraphModule } from '../graph/builder.ts';
import { times } from '../graph/dim.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';
import { hintScale, sizeMultiple, type ControlNetConfig } from './unet-config.ts';
import { conditions, downPath, middle } from './unet-trunk.ts';

/** Options of {@link controlNetGraph}. */
export type ControlNetOptions = NetworkOptions & {
  /** As for the UNet; default false. */
  readonly isRagged?: boolean;
  /**
   * Guess mode: residuals weigh from 0.1 (the first) to 1 (the middle), evenly on a logarithmic scale;
   * default false.
   */
  readonly isGuess?: boolean;
};

/** Writes the graph of a ControlNet. */
export function controlNetGraph(
  config: ControlNetConfig,
  checkpoint: Checkpoint,
  options: ControlNetOptions,
): GraphModule {
  return buildGraph('controlnet', checkpoint, options, (ops, w) => {
    const sizes = openSizes(options.isRagged === true ? 1 : sizeMultiple(config));
    const [first] = config.levels as [ControlNetConfig['levels'][0]];
    const { batch, height, width } = sizes;
    const sample = ops.imageInput('sample', { batch, height, width, channels: config.inChannels });
    const scale = hintScale(config);
    const hint = ops.imageInput('hint', {
      batch,
      height: times(height, scale),
      width: times(width, scale),
      channels: config.hintChannels,
    });
    const given = conditions(ops, config, w, sizes);
    const strength = ops.input('conditioning_scale', [batch, 1, 1, 1]);

    const entry = ops.conv2d(sample, w.at('conv_in'), { out: first.channels, kernel: 3 });
    const hinted = hintNetwork(
      ops,
      config,
      hint,
      w.at('controlnet_cond_embedding'),
      first.channels,
    );
    const start = ops.addImages(entry, { ...hinted, height: entry.height, width: entry.width });
    const { last, skips } = downPath(ops, config, start, given, w);
    const mid = middle(ops, config, last, given, w);

    const count = skips.length + 1;
    // Pooled outputs replace guess mode's weights by plain scaling.
    const isGuess = options.isGuess === true && !config.poolsOutputs;
    const emit = (name: string, x: FeatureMap, scope: WeightScope, index: number): void => {
      const residual = ops.conv2d(x, scope, { out: x.channels, kernel: 1 });
      const weight = isGuess ? 10 ** (index / (count - 1) - 1) : 1;
      const factor = weight === 1 ? strength : ops.multiply(strength, ops.g.floats([weight], [1]));
      const scaled = ops.mapImage(residual, (tensor) => ops.multiply(tensor, factor));
      ops.imageOutput(name, config.poolsOutputs ? ops.averagePool(scaled) : scaled);
    };
    for (const [i, skip] of skips.entries())
      emit(`down_${i}`, skip, w.at('controlnet_down_blocks').at(i), i);
    emit('mid', mid, w.at('controlnet_mid_block'), count - 1);
  });
}

/** Convolutions with SiLU from the hint at full size to the first level's channels at latent size. */
function hintNetwork(
  ops: GraphOps,
  config: ControlNetConfig,
  hint: FeatureMap,
  w: WeightScope,
  out: number,
): FeatureMap {
  const silu = (x: FeatureMap): FeatureMap => ops.mapImage(x, (tensor) => ops.silu(tensor));
  const [first = 0, ...rest] = config.hintWidths;
  let h = silu(ops.conv2d(hint, w.at('conv_in'), { out: first, kernel: 3 }));
  for (const [i, next] of rest.entries()) {
    const blocks = w.at('blocks');
    h = silu(ops.conv2d(h, blocks.at(2 * i), { out: h.channels, kernel: 3 }));
    h = silu(ops.conv2d(h, blocks.at(2 * i + 1), { out: next, kernel: 3, stride: 2 }));
  }
  return ops.conv2d(h, w.at('conv_out'), { out, kernel: 3 });
}
