/**
 * The vocabulary networks are written in: one method an idea, such as `conv2d`, `groupNorm`, `attention`.
 *
 * What is spelled alike on every backend is here; what differs is abstract and lives in spelling/.
 * A picture-like value is a {@link FeatureMap}; everything else is a plain value of shape [B, T, C]
 * or [B, C]. The memory order of a feature map is the spelling's own business.
 */

import type { FloatDtype } from '../tensor/dtype.ts';
import { BLOCK, canQuantise } from '../weights/layout.ts';
import type { GraphBuilder, GraphPort, Value } from './builder.ts';
import { ceilDiv, minus, sameDim, times, type Dim } from './dim.ts';
import type { WeightScope } from './weight-scope.ts';

/** A batch of pictures with channels, at any stage of a network. */
export type FeatureMap = {
  readonly tensor: Value;
  readonly batch: Dim;
  readonly height: Dim;
  readonly width: Dim;
  readonly channels: number;
};

/** Options of {@link GraphOps.conv2d}. */
export type ConvOptions = {
  /** Output channels. */
  readonly out: number;
  /** Edge of the square kernel in pixels. */
  readonly kernel: 1 | 3;
  /** Default 1. */
  readonly stride?: 1 | 2;
  /** Pixels of zeros at top, left, bottom, right; by default what keeps the size at stride 1. */
  readonly padding?: readonly [number, number, number, number];
  /** Default true. */
  readonly bias?: boolean;
  /** A feature map of the result's size and channels, if one is at hand: lets a 1x1 kernel be a matrix product. */
  readonly like?: FeatureMap;
};

/** Options of {@link GraphOps.groupNorm}. */
export type GroupNormOptions = {
  readonly groups: number;
  readonly eps: number;
  readonly silu?: boolean;
};

/** Options of {@link GraphOps.attention}. */
export type AttentionOptions = {
  readonly heads: number;
  /** Each token sees itself and the tokens before it. */
  readonly causal?: boolean;
};

/**
 * Into how many pieces the queries of an attention are cut, so that no single dispatch runs too long
 * and no score matrix grows too large. A power of two; 1 means whole.
 */
export type AttentionChunks = (attention: {
  readonly queries: Dim;
  readonly keys: Dim;
  readonly heads: number;
  readonly headWidth: number;
}) => number;

/** Leaves every attention whole. */
export const WHOLE_ATTENTION: AttentionChunks = () => 1;

/** Options of {@link GraphOps.linear}. */
export type LinearOptions = {
  /** Width of the result. */
  readonly out: number;
  /** Whether there is a `bias`; default true. */
  readonly bias?: boolean;
  /** Whether the checkpoint has the matrix as [in, out], not as PyTorch's linear layers do; default false. */
  readonly isStoredTransposed?: boolean;
};

/** Operators over a {@link GraphBuilder}; see the subclasses in spelling/. */
export abstract class GraphOps {
  readonly g: GraphBuilder;
  protected readonly attentionChunks: AttentionChunks;

  constructor(g: GraphBuilder, attentionChunks: AttentionChunks) {
    this.g = g;
    this.attentionChunks = attentionChunks;
  }

  /** Indices of the row and the column axis of a feature map. */
  get #spatialAxes(): readonly [number, number] {
    return this.channelAxis === 1 ? [2, 3] : [1, 2];
  }

  // ---- feature maps: spelled by the subclasses ----

  protected abstract imageShape(batch: Dim, height: Dim, width: Dim, channels: number): Dim[];
  /** Index of the channel axis of a feature map. */
  protected abstract readonly channelAxis: 1 | 3;
  /** Domain of the standard operators that are told rows and columns from channels by the memory order. */
  protected abstract readonly imageDomain: string;
  /** A square convolution with the scope's `weight` [out, in, k, k] and `bias`. */
  abstract conv2d(x: FeatureMap, w: WeightScope, options: ConvOptions): FeatureMap;
  /** Group normalisation over channels with the scope's `weight` and `bias`, with SiLU behind it if asked. */
  abstract groupNorm(x: FeatureMap, w: WeightScope, options: GroupNormOptions): FeatureMap;
  /** A feature map as tokens [B, H*W, C], row by row. */
  abstract toTokens(x: FeatureMap): Value;
  /** Tokens as a feature map of the size and channels of `like`. */
  abstract fromTokens(tokens: Value, like: FeatureMap): FeatureMap;
  /** softmax(q k^T / sqrt(d)) v over heads; queries [B, S, C], keys and values [B, T, C]. */
  abstract attention(q: Value, k: Value, v: Value, options: AttentionOptions): Value;
  /** Single-head attention of full width, as the autoencoder's middle block has it. */
  abstract wideAttention(q: Value, k: Value, v: Value): Value;
  /** Gated feed-forward input: splits the product in two and returns `first * gelu(second)`. */
  abstract geglu(x: Value, w: WeightScope, options: { out: number }): Value;
  /** x * sigmoid(1.702 x). */
  abstract quickGelu(x: Value): Value;

  // ---- inputs and outputs ----

  /** A feature map that a run supplies, in f32 whatever the graph computes in. */
  imageInput(name: string, size: Omit<FeatureMap, 'tensor'>): FeatureMap {
    const shape = this.imageShape(size.batch, size.height, size.width, size.channels);
    return { ...size, tensor: this.#enter(name, shape, 'image') };
  }

  /** A plain value that a run supplies, in f32 whatever the graph computes in. */
  input(name: string, shape: readonly Dim[]): Value {
    return this.#enter(name, shape, 'plain');
  }

  /** Declares an output feature map, in f32. */
  imageOutput(name: string, x: FeatureMap): void {
    this.g.output(name, this.cast(x.tensor, 'float32'), 'image');
  }

  /** Declares a plain output, in f32. */
  output(name: string, x: Value): void {
    this.g.output(name, this.cast(x, 'float32'), 'plain');
  }

  #enter(name: string, shape: readonly Dim[], role: GraphPort['role']): Value {
    return this.cast(this.g.input(name, 'float32', shape, role), this.g.dtype);
  }

  // ---- spelled alike everywhere ----

  /** The same numbers in another format; nothing when it has that format. */
  cast(x: Value, dtype: FloatDtype): Value {
    if (x.dtype === dtype) return x;
    return this.g.node('Cast', [x], dtype, x.shape, {
      attributes: { to: dtype === 'float32' ? 1 : 10 },
    });
  }

  /** x @ weight^T + bias over the last axis; `weight` [out, in] (or a 1x1 convolution's [out, in, 1, 1]). */
  linear(x: Value, w: WeightScope, options: LinearOptions): Value {
    const { out, bias = true, isStoredTransposed = false } = options;
    const product = isStoredTransposed
      ? this.matmul(x, this.g.weight(w.take('weight', [lastOf(x), out])))
      : this.matmulWeight(x, w, out);
    if (!bias) return product;
    const b = this.g.weight(w.take('bias', [out]));
    return this.g.node('Add', [product, b], x.dtype, product.shape);
  }

  /** Layer normalisation over the last axis, with the scope's `weight` and `bias`. */
  layerNorm(x: Value, w: WeightScope, eps: number): Value {
    const width = lastOf(x);
    const inputs = [
      x,
      this.g.weight(w.take('weight', [width])),
      this.g.weight(w.take('bias', [width])),
    ];
    return this.g.node('LayerNormalization', inputs, x.dtype, x.shape, {
      attributes: { axis: -1, epsilon: { float: eps } },
    });
  }

  /** Element by element; the second may be broadcast over the first. */
  add(a: Value, b: Value): Value {
    return this.g.node('Add', [a, b], a.dtype, a.shape);
  }

  /** Element by element; the second may be broadcast over the first. */
  multiply(a: Value, b: Value): Value {
    return this.g.node('Mul', [a, b], a.dtype, a.shape);
  }

  /** x * sigmoid(x). */
  silu(x: Value): Value {
    return this.multiply(x, this.g.node('Sigmoid', [x], x.dtype, x.shape));
  }

  /** x * Phi(x), with the error function. */
  gelu(x: Value): Value {
    return this.g.node('Gelu', [x], x.dtype, x.shape, { attributes: { approximate: 'none' } });
  }

  /** Another element-wise function of one argument. */
  unary(op: 'Relu' | 'Tanh', x: Value): Value {
    return this.g.node(op, [x], x.dtype, x.shape);
  }

  /** The same function over a feature map's elements. */
  mapImage(x: FeatureMap, f: (tensor: Value) => Value): FeatureMap {
    return { ...x, tensor: f(x.tensor) };
  }

  /** The sum of two feature maps of one size. */
  addImages(a: FeatureMap, b: FeatureMap): FeatureMap {
    return { ...a, tensor: this.add(a.tensor, b.tensor) };
  }

  /** Adds a vector [B, C] to every pixel. */
  addPerChannel(x: FeatureMap, vector: Value): FeatureMap {
    const shape = this.imageShape(x.batch, 1, 1, x.channels);
    const target = this.imageShape(0, 1, 1, x.channels) as number[];
    return { ...x, tensor: this.add(x.tensor, this.reshape(vector, target, shape)) };
  }

  /** x where it is positive, else `slope` times it. */
  leakyRelu(x: Value, slope: number): Value {
    return this.g.node('LeakyRelu', [x], x.dtype, x.shape, {
      attributes: { alpha: { float: slope } },
    });
  }

  /** The same with a slope for each channel, the scope's `weight` [C]. */
  prelu(x: FeatureMap, w: WeightScope): FeatureMap {
    const slopes = this.g.weight(w.take('weight', [x.channels]));
    const shape = this.imageShape(1, 1, 1, x.channels) as number[];
    const inputs = [x.tensor, this.reshape(slopes, shape, shape)];
    return { ...x, tensor: this.g.node('PRelu', inputs, x.tensor.dtype, x.tensor.shape) };
  }

  /** `factor` times the height and width, by repeating pixels. */
  upsample(x: FeatureMap, factor: number): FeatureMap {
    const [height, width] = [times(x.height, factor), times(x.width, factor)];
    const shape = this.imageShape(x.batch, height, width, x.channels);
    const scales = this.g.floats(this.imageShape(1, factor, factor, 1) as number[], [4], 'float32');
    const tensor = this.g.node('Resize', [x.tensor, undefined, scales], x.tensor.dtype, shape, {
      attributes: {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      },
    });
    return { ...x, height, width, tensor };
  }

  /**
   * `factor` times the height and width: the channel `(c * factor + i) * factor + j` becomes the row `i` and the column `j` of
   * each pixel of the channel `c`.
   */
  pixelShuffle(x: FeatureMap, factor: number): FeatureMap {
    const [height, width] = [times(x.height, factor), times(x.width, factor)];
    const channels = x.channels / factor ** 2;
    const shape = this.imageShape(x.batch, height, width, channels);
    const tensor = this.g.node('DepthToSpace', [x.tensor], x.tensor.dtype, shape, {
      domain: this.imageDomain,
      attributes: { blocksize: factor, mode: 'CRD' },
    });
    return { ...x, height, width, channels, tensor };
  }

  /** The inverse of {@link pixelShuffle}: a convolution whose kernels pick one pixel each. */
  pixelUnshuffle(x: FeatureMap, factor: number): FeatureMap {
    const [height, width] = [ceilDiv(x.height, factor), ceilDiv(x.width, factor)];
    const channels = x.channels * factor ** 2;
    const identity = Array.from({ length: channels ** 2 }, (_, i) =>
      i % (channels + 1) === 0 ? 1 : 0,
    );
    const shape = this.imageShape(x.batch, height, width, channels);
    const kernels = this.g.floats(identity, [channels, x.channels, factor, factor]);
    const tensor = this.g.node('Conv', [x.tensor, kernels], x.tensor.dtype, shape, {
      domain: this.imageDomain,
      attributes: { kernel_shape: [factor, factor], strides: [factor, factor] },
    });
    return { ...x, height, width, channels, tensor };
  }

  /** The leading rows and columns of `x`, as many as `like` has. */
  cropTo(x: FeatureMap, like: FeatureMap): FeatureMap {
    const [rows, columns] = this.#spatialAxes;
    const attributes = { start: rows, end: columns + 1 };
    const ends = this.g.node('Shape', [like.tensor], 'int64', [2], { attributes });
    const inputs = [x.tensor, this.g.ints([0, 0]), ends, this.g.ints([rows, columns])];
    const shape = this.imageShape(x.batch, like.height, like.width, x.channels);
    const tensor = this.g.node('Slice', inputs, x.tensor.dtype, shape);
    return { ...x, height: like.height, width: like.width, tensor };
  }

  /** Feature maps of one size, channels one behind the other. */
  concatChannels(...maps: readonly [FeatureMap, ...FeatureMap[]]): FeatureMap {
    const [first] = maps;
    const channels = maps.reduce((sum, map) => sum + map.channels, 0);
    const shape = this.imageShape(first.batch, first.height, first.width, channels);
    const tensor = this.g.node(
      'Concat',
      maps.map((map) => map.tensor),
      first.tensor.dtype,
      shape,
      { attributes: { axis: this.channelAxis } },
    );
    return { ...first, channels, tensor };
  }

  /** The token of `x` [B, T, C] that each row of `mask` [B, 1, T] marks with a 1: [B, C]. */
  pick(mask: Value, x: Value): Value {
    const product = this.matmul(mask, x);
    return this.reshape(product, [-1, lastOf(x)], [x.shape[0] as Dim, lastOf(x)]);
  }

  /** Every pixel replaced by its channel's mean over the picture. */
  averagePool(x: FeatureMap): FeatureMap {
    const { dtype, shape } = x.tensor;
    const size = this.g.node('Shape', [x.tensor], 'int64', [4]);
    return { ...x, tensor: this.g.node('Expand', [this.meanPixel(x).tensor, size], dtype, shape) };
  }

  /** The mean over the picture, as a picture of one pixel. */
  meanPixel(x: FeatureMap): FeatureMap {
    const shape = this.imageShape(x.batch, 1, 1, x.channels);
    return { ...x, height: 1, width: 1, tensor: this.#mean(x.tensor, this.#spatialAxes, shape) };
  }

  /** The mean over the tokens [B, T, C], as one token. */
  meanToken(x: Value): Value {
    return this.#mean(x, [1], [x.shape[0] as Dim, 1, lastOf(x)]);
  }

  #mean(x: Value, axes: readonly number[], shape: readonly Dim[]): Value {
    return this.g.node('ReduceMean', [x, this.g.ints(axes)], x.dtype, shape, {
      attributes: { keepdims: 1 },
    });
  }

  /** Cuts `x` along `axis` into equal pieces, the last one smaller if need be. */
  split(x: Value, axis: number, pieces: number): Value[] {
    const whole = x.shape[axis] as Dim;
    const piece = ceilDiv(whole, pieces);
    const shapes = Array.from({ length: pieces }, (_, index) =>
      x.shape.map((dim, i) => {
        if (i !== axis) return dim;
        return index < pieces - 1 || sameDim(times(piece, pieces), whole)
          ? piece
          : minus(whole, times(piece, pieces - 1));
      }),
    );
    return this.g.nodes(
      'Split',
      [x],
      shapes.map((shape) => ({ dtype: x.dtype, shape })),
      { attributes: { axis, num_outputs: pieces } },
    );
  }

  /** A view of `x`; in `target`, 0 keeps a dimension and -1 takes what is left. */
  protected reshape(x: Value, target: readonly number[] | Value, shape: readonly Dim[]): Value {
    const to = 'name' in target ? target : this.g.ints(target);
    return this.g.node('Reshape', [x, to], x.dtype, shape, { isView: true });
  }

  /** x @ w for two computed tensors, the last two axes as matrices. */
  protected matmul(a: Value, b: Value): Value {
    const shape = [...a.shape.slice(0, -1), b.shape.at(-1) as Dim];
    const flops = times(2, ...a.shape, b.shape.at(-1) as Dim);
    return this.g.node('MatMul', [a, b], a.dtype, shape, { work: { kind: 'matmul', flops } });
  }

  /** x @ weight^T for a matrix of the checkpoint, quantised where the graph asks for it and it is a large one over tokens. */
  protected matmulWeight(x: Value, w: WeightScope, out: number): Value {
    const width = lastOf(x);
    const entry = w.take('weight', [out, width], [out, width, 1, 1]);
    const { bits, from } = this.g.quantisation;
    // Vectors [B, C] are time embeddings, which shift whole channels: little to save, much to lose.
    const isLarge = x.shape.length === 3 && out * width >= from;
    if (bits === 16 || !isLarge || !canQuantise(entry.shape)) {
      return this.matmul(x, this.g.weight(entry, { layout: 'transposed' }));
    }
    const { codes, scales } = this.g.quantisedWeight(entry, `quantised${bits}`);
    const shape = [...x.shape.slice(0, -1), out];
    return this.g.node('MatMulNBits', [x, codes, scales], x.dtype, shape, {
      domain: 'com.microsoft',
      attributes: { bits, block_size: BLOCK, K: width, N: out },
      work: { kind: 'matmul', flops: times(2, ...x.shape, out) },
    });
  }

  /** Runs an attention on pieces of the queries and joins the results. */
  protected inChunks(q: Value, chunks: number, run: (piece: Value) => Value): Value {
    if (chunks <= 1) return run(q);
    const pieces = this.split(q, 1, chunks).map(run);
    return this.g.node('Concat', pieces, q.dtype, q.shape, { attributes: { axis: 1 } });
  }
}

/** The last dimension, which is always a known number of channels. */
export function lastOf(x: Value): number {
  return x.shape.at(-1) as number;
}
