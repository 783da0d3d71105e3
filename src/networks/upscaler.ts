/**
 * Real-ESRGAN's networks: `image` [B, 3, H, W] in [0, 1] to `enlarged` [B, 3, sH, sW], which may lie a little outside of it.
 *
 * Convolutions of 3x3 only, with nothing that looks at the whole picture, so that a part of a picture comes out as it
 * does in the whole but for its edges.
 */

import type { GraphModule } from '../graph/builder.ts';
import { times } from '../graph/dim.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';
import {
  COLOURS,
  upscalerUnit,
  type CompactConfig,
  type RrdbConfig,
  type UpscalerConfig,
} from './upscaler-config.ts';

/** Slope of an RRDBNet's activations below zero. */
const SLOPE = 0.2;
/** How much of what a dense block, and a group of them, computes is added to what it was given. */
const RESIDUAL = 0.2;
/** Convolutions of a dense block, and dense blocks of a group. */
const DENSE_LAYERS = 5;
const DENSE_BLOCKS = [1, 2, 3] as const;

/** Writes the graph. Of a network that unshuffles pixels, the open sizes are those behind that: half the picture's. */
export function upscalerGraph(
  config: UpscalerConfig,
  checkpoint: Checkpoint,
  options: NetworkOptions,
): GraphModule {
  return buildGraph('upscaler', checkpoint, options, (ops, w) => {
    const { batch, height, width } = openSizes();
    const unit = upscalerUnit(config);
    const image = ops.imageInput('image', {
      batch,
      height: times(height, unit),
      width: times(width, unit),
      channels: COLOURS,
    });
    const enlarged =
      config.kind === 'rrdb' ? rrdb(ops, w, config, image) : compact(ops, w, config, image);
    ops.imageOutput('enlarged', enlarged);
  });
}

function rrdb(
  ops: GraphOps,
  w: WeightScope,
  { features, growth, blocks, unshuffle }: RrdbConfig,
  image: FeatureMap,
): FeatureMap {
  const conv = (x: FeatureMap, name: string, out = features): FeatureMap =>
    ops.conv2d(x, w.at(name), { out, kernel: 3 });
  const first = conv(unshuffle === 1 ? image : ops.pixelUnshuffle(image, unshuffle), 'conv_first');
  let h = first;
  for (let i = 0; i < blocks; i++) {
    const block = w.at('body').at(i);
    const dense = DENSE_BLOCKS.reduce((x, j) => denseBlock(ops, block.at(`rdb${j}`), growth, x), h);
    h = addPart(ops, h, dense);
  }
  h = ops.addImages(first, conv(h, 'conv_body'));
  for (const name of ['conv_up1', 'conv_up2']) {
    h = activated(ops, conv(ops.upsample(h, 2), name));
  }
  return conv(activated(ops, conv(h, 'conv_hr')), 'conv_last', COLOURS);
}

/** Convolutions that each read all that was there before; the last one's result is a change of the block's input. */
function denseBlock(ops: GraphOps, w: WeightScope, growth: number, x: FeatureMap): FeatureMap {
  let all = x;
  for (let k = 1; k < DENSE_LAYERS; k++) {
    const more = ops.conv2d(all, w.at(`conv${k}`), { out: growth, kernel: 3 });
    all = ops.concatChannels(all, activated(ops, more));
  }
  const change = ops.conv2d(all, w.at(`conv${DENSE_LAYERS}`), { out: x.channels, kernel: 3 });
  return addPart(ops, x, change);
}

function addPart(ops: GraphOps, x: FeatureMap, change: FeatureMap): FeatureMap {
  const part = ops.g.floats([RESIDUAL], [1]);
  return ops.addImages(
    x,
    ops.mapImage(change, (tensor) => ops.multiply(tensor, part)),
  );
}

function activated(ops: GraphOps, x: FeatureMap): FeatureMap {
  return ops.mapImage(x, (tensor) => ops.leakyRelu(tensor, SLOPE));
}

function compact(
  ops: GraphOps,
  w: WeightScope,
  { features, convolutions, scale }: CompactConfig,
  image: FeatureMap,
): FeatureMap {
  const body = w.at('body');
  let h = image;
  for (let i = 0; i < convolutions - 1; i++) {
    h = ops.conv2d(h, body.at(2 * i), { out: features, kernel: 3 });
    h = ops.prelu(h, body.at(2 * i + 1));
  }
  const out = COLOURS * scale ** 2;
  const pixels = ops.conv2d(h, body.at(2 * (convolutions - 1)), { out, kernel: 3 });
  return ops.addImages(ops.pixelShuffle(pixels, scale), ops.upsample(image, scale));
}
