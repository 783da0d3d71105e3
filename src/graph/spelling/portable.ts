/**
 * The spelling that any onnxruntime provider runs: NCHW, InstanceNormalization instead of GroupNorm,
 * attention from matrix products over slices of the queries.
 *
 * wasm runs it, and so does a WebGPU device on which a fused operator gives wrong numbers.
 */

import type { Value } from '../builder.ts';
import { ceilDiv, times, type Dim } from '../dim.ts';
import {
  GraphOps,
  type AttentionOptions,
  type ConvOptions,
  type FeatureMap,
  type GroupNormOptions,
} from '../ops.ts';
import type { WeightScope } from '../weight-scope.ts';

/** Longest causal sequence: the position table of CLIP's text encoders. */
const CAUSAL_LENGTH = 77;
/** Stands for minus infinity in masks; large enough to vanish under softmax, small enough for f16. */
const MASKED = -60000;

/** See the file's header. */
export class PortableOps extends GraphOps {
  protected readonly channelAxis = 1;
  protected readonly imageDomain = '';

  protected imageShape(batch: Dim, height: Dim, width: Dim, channels: number): Dim[] {
    return [batch, channels, height, width];
  }

  conv2d(x: FeatureMap, w: WeightScope, options: ConvOptions): FeatureMap {
    const { out, kernel, stride = 1, bias = true } = options;
    const edge = (kernel - 1) / 2;
    const pads = options.padding ?? [edge, edge, edge, edge];
    const height = ceilDiv(x.height, stride);
    const width = ceilDiv(x.width, stride);
    const shapes = [
      [out, x.channels, kernel, kernel],
      ...(kernel === 1 ? [[out, x.channels]] : []),
    ];
    const entry = w.take('weight', ...shapes);
    const kernelValue = this.g.weight(entry);
    const inputs = [
      x.tensor,
      entry.shape.length === 4
        ? kernelValue
        : this.reshape(kernelValue, [out, x.channels, 1, 1], [out, x.channels, 1, 1]),
    ];
    if (bias) inputs.push(this.g.weight(w.take('bias', [out])));
    const flops = times(2, x.batch, height, width, out, x.channels * kernel * kernel);
    const tensor = this.g.node('Conv', inputs, x.tensor.dtype, [x.batch, out, height, width], {
      attributes: { kernel_shape: [kernel, kernel], pads, strides: [stride, stride] },
      work: { kind: 'convolution', flops },
    });
    return { tensor, batch: x.batch, height, width, channels: out };
  }

  groupNorm(
    x: FeatureMap,
    w: WeightScope,
    { groups, eps, silu = false }: GroupNormOptions,
  ): FeatureMap {
    const { channels } = x;
    const wide = this.cast(x.tensor, 'float32');
    const flat = this.reshape(
      wide,
      [0, groups, -1],
      [x.batch, groups, times(x.height, x.width, channels / groups)],
    );
    const ones = this.g.floats(Array<number>(groups).fill(1), [groups], 'float32');
    const zeros = this.g.floats(Array<number>(groups).fill(0), [groups], 'float32');
    const normal = this.g.node(
      'InstanceNormalization',
      [flat, ones, zeros],
      'float32',
      flat.shape,
      {
        attributes: { epsilon: { float: eps } },
      },
    );
    const size = this.g.node('Shape', [x.tensor], 'int64', [4]);
    const back = this.cast(this.reshape(normal, size, x.tensor.shape), this.g.dtype);
    const column = (name: string): Value => {
      const vector = this.g.weight(w.take(name, [channels]));
      return this.reshape(vector, [channels, 1, 1], [channels, 1, 1]);
    };
    const scaled = this.add(this.multiply(back, column('weight')), column('bias'));
    return { ...x, tensor: silu ? this.silu(scaled) : scaled };
  }

  toTokens(x: FeatureMap): Value {
    const tokens = times(x.height, x.width);
    const flat = this.reshape(x.tensor, [0, x.channels, -1], [x.batch, x.channels, tokens]);
    return this.#transpose(flat, [0, 2, 1]);
  }

  fromTokens(tokens: Value, like: FeatureMap): FeatureMap {
    const planes = this.#transpose(tokens, [0, 2, 1]);
    const size = this.g.node('Shape', [like.tensor], 'int64', [4]);
    return { ...like, tensor: this.reshape(planes, size, like.tensor.shape) };
  }

  attention(q: Value, k: Value, v: Value, { heads, causal = false }: AttentionOptions): Value {
    const [batch, queries, width] = q.shape as [Dim, Dim, number];
    const [, keys] = k.shape as [Dim, Dim];
    const headWidth = width / heads;
    const byHead = (x: Value, perm: readonly number[]): Value => {
      const [, tokens] = x.shape as [Dim, Dim];
      const apart = this.reshape(x, [0, 0, heads, headWidth], [batch, tokens, heads, headWidth]);
      return this.#transpose(apart, perm);
    };
    const scale = this.g.floats([1 / Math.sqrt(headWidth)], [1]);
    const keysByHead = byHead(k, [0, 2, 3, 1]);
    const valuesByHead = byHead(v, [0, 2, 1, 3]);
    const chunks = causal ? 1 : this.attentionChunks({ queries, keys, heads, headWidth });
    return this.inChunks(this.multiply(q, scale), chunks, (piece) => {
      const scores = this.#product(byHead(piece, [0, 2, 1, 3]), keysByHead);
      const masked = causal ? this.add(scores, this.#causalMask(q)) : scores;
      const joined = this.#product(this.#softmax(masked), valuesByHead);
      return this.reshape(this.#transpose(joined, [0, 2, 1, 3]), [0, 0, width], piece.shape);
    });
  }

  wideAttention(q: Value, k: Value, v: Value): Value {
    return this.attention(q, k, v, { heads: 1 });
  }

  geglu(x: Value, w: WeightScope, { out }: { out: number }): Value {
    const [hidden, gate] = this.split(this.linear(x, w, { out: 2 * out }), 2, 2) as [Value, Value];
    return this.multiply(hidden, this.gelu(gate));
  }

  quickGelu(x: Value): Value {
    const slope = this.g.floats([1.702], [1]);
    const gate = this.g.node('Sigmoid', [this.multiply(x, slope)], x.dtype, x.shape);
    return this.multiply(x, gate);
  }

  /** 0 where a token may look, a large negative number above the diagonal, cut to the length of `x` [B, T, C]. */
  #causalMask(x: Value): Value {
    const rows = Array.from({ length: CAUSAL_LENGTH }, (_, row) =>
      Array.from({ length: CAUSAL_LENGTH }, (__, column) => (column > row ? MASKED : 0)),
    );
    const whole = this.g.floats(rows.flat(), [1, 1, CAUSAL_LENGTH, CAUSAL_LENGTH]);
    const length = this.g.node('Shape', [x], 'int64', [1], { attributes: { start: 1, end: 2 } });
    const ends = this.g.node('Concat', [length, length], 'int64', [2], { attributes: { axis: 0 } });
    const tokens = x.shape[1] as Dim;
    return this.g.node('Slice', [whole, this.g.ints([0, 0]), ends, this.g.ints([2, 3])], x.dtype, [
      1,
      1,
      tokens,
      tokens,
    ]);
  }

  #softmax(x: Value): Value {
    const weights = this.g.node('Softmax', [this.cast(x, 'float32')], 'float32', x.shape, {
      attributes: { axis: -1 },
    });
    return this.cast(weights, this.g.dtype);
  }

  /** A matrix product whose work is counted as attention's. */
  #product(a: Value, b: Value): Value {
    const shape = [...a.shape.slice(0, -1), b.shape.at(-1) as Dim];
    const flops = times(2, ...a.shape, b.shape.at(-1) as Dim);
    return this.g.node('MatMul', [a, b], a.dtype, shape, { work: { kind: 'attention', flops } });
  }

  #transpose(x: Value, perm: readonly number[]): Value {
    const shape = perm.map((axis) => x.shape[axis] as Dim);
    return this.g.node('Transpose', [x], x.dtype, shape, { attributes: { perm } });
  }
}
