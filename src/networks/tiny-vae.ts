/**
 * AutoencoderTiny of diffusers (TAESD): convolutions and ReLU only.
 *
 * Decoder: `latents` (scaled, as the sampler leaves them) to `image` in [-1, 1]. Encoder: `image` in [-1, 1] to
 * `latents`, scaled likewise. diffusers wraps the original network, whose pictures lie in [0, 1].
 */

import type { GraphModule, Value } from '../graph/builder.ts';
import { times } from '../graph/dim.ts';
import type { FeatureMap, GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';
import { vaeScale, type TinyVaeConfig } from './vae-config.ts';

/** Writes the graph of the decoder. */
export function tinyVaeDecoderGraph(
  config: TinyVaeConfig,
  checkpoint: Checkpoint,
  options: NetworkOptions,
): GraphModule {
  return buildGraph('tiny_vae_decoder', checkpoint, options, (ops, w) => {
    w.skip('encoder');
    const { batch, height, width } = openSizes();
    const latents = ops.imageInput('latents', {
      batch,
      height,
      width,
      channels: config.latentChannels,
    });
    const layers = new Layers(ops, w.at('decoder.layers'));
    // 3 tanh(x / 3) keeps latents in the range the network was trained on.
    const tamed = ops.mapImage(latents, (x) => {
      const third = ops.multiply(x, ops.g.floats([1 / 3], [1]));
      return ops.multiply(ops.unary('Tanh', third), ops.g.floats([3], [1]));
    });
    let h = layers.conv(tamed, config.decoderWidths[0] as number);
    h = layers.relu(h);
    for (const [i, blocks] of config.decoderBlocks.entries()) {
      const isLast = i === config.decoderBlocks.length - 1;
      const out = config.decoderWidths[i] as number;
      for (let j = 0; j < blocks; j++) h = layers.block(h, out);
      if (!isLast) h = layers.skip(ops.upsample(h, 2));
      h = layers.conv(h, isLast ? config.imageChannels : out, { bias: isLast });
    }
    ops.imageOutput('image', affine(ops, h, 2, -1));
  });
}

/** Writes the graph of the encoder; its open sizes are those of the latents. */
export function tinyVaeEncoderGraph(
  config: TinyVaeConfig,
  checkpoint: Checkpoint,
  options: NetworkOptions,
): GraphModule {
  return buildGraph('tiny_vae_encoder', checkpoint, options, (ops, w) => {
    w.skip('decoder');
    const { batch, height, width } = openSizes();
    const scale = vaeScale(config);
    const image = ops.imageInput('image', {
      batch,
      height: times(height, scale),
      width: times(width, scale),
      channels: config.imageChannels,
    });
    const layers = new Layers(ops, w.at('encoder.layers'));
    let h = affine(ops, image, 0.5, 0.5);
    for (const [i, blocks] of config.encoderBlocks.entries()) {
      const out = config.encoderWidths[i] as number;
      h = i === 0 ? layers.conv(h, out) : layers.conv(h, out, { stride: 2, bias: false });
      for (let j = 0; j < blocks; j++) h = layers.block(h, out);
    }
    ops.imageOutput('latents', layers.conv(h, config.latentChannels));
  });
}

function affine(ops: GraphOps, x: FeatureMap, factor: number, offset: number): FeatureMap {
  const constant = (value: number): Value => ops.g.floats([value], [1]);
  return ops.mapImage(x, (tensor) =>
    ops.add(ops.multiply(tensor, constant(factor)), constant(offset)),
  );
}

/** Walks a numbered list of layers, as PyTorch's Sequential names them. */
class Layers {
  readonly #ops: GraphOps;
  readonly #w: WeightScope;
  #next = 0;

  constructor(ops: GraphOps, w: WeightScope) {
    this.#ops = ops;
    this.#w = w;
  }

  conv(x: FeatureMap, out: number, options: { stride?: 1 | 2; bias?: boolean } = {}): FeatureMap {
    return this.#ops.conv2d(x, this.#w.at(this.#next++), { out, kernel: 3, ...options });
  }

  relu(x: FeatureMap): FeatureMap {
    this.#next++;
    return this.#relu(x);
  }

  /** Counts a layer that has no weights and was already applied. */
  skip(x: FeatureMap): FeatureMap {
    this.#next++;
    return x;
  }

  /** Three convolutions around a shortcut, ReLU last. */
  block(x: FeatureMap, out: number): FeatureMap {
    const w = this.#w.at(this.#next++);
    const conv = (h: FeatureMap, i: number): FeatureMap =>
      this.#ops.conv2d(h, w.at('conv').at(i), { out, kernel: 3 });
    const h = conv(this.#relu(conv(this.#relu(conv(x, 0)), 2)), 4);
    const shortcut =
      x.channels === out
        ? x
        : this.#ops.conv2d(x, w.at('skip'), { out, kernel: 1, bias: false, like: h });
    return this.#relu(this.#ops.addImages(h, shortcut));
  }

  #relu(x: FeatureMap): FeatureMap {
    return this.#ops.mapImage(x, (tensor) => this.#ops.unary('Relu', tensor));
  }
}
