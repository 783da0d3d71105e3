/**
 * The spelling for onnxruntime's WebGPU provider: NHWC from end to end, fused operators, and no node
 * that falls back to the CPU.
 *
 * Convolutions use the provider's internal NHWC domain, so that no Transpose is ever inserted; 1x1
 * convolutions are matrix products over tokens. See docs/decisions for what was measured.
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

const MICROSOFT = 'com.microsoft';
const NHWC = 'com.ms.internal.nhwc';

/** Widths for which the provider has a BiasSplitGelu kernel (those of Stable Diffusion's feed-forward layers). */
const SPLIT_GELU_WIDTHS: ReadonlySet<number> = new Set([2560, 5120, 10240]);

/** See the file's header. */
export class WebGpuOps extends GraphOps {
  protected readonly channelAxis = 3;
  protected readonly imageDomain = NHWC;

  protected imageShape(batch: Dim, height: Dim, width: Dim, channels: number): Dim[] {
    return [batch, height, width, channels];
  }

  conv2d(x: FeatureMap, w: WeightScope, options: ConvOptions): FeatureMap {
    const { out, kernel, stride = 1, bias = true } = options;
    const like = options.like ?? (out === x.channels ? x : undefined);
    if (kernel === 1 && like !== undefined) {
      return this.fromTokens(this.linear(this.toTokens(x), w, { out, bias }), like);
    }
    const edge = (kernel - 1) / 2;
    const pads = options.padding ?? [edge, edge, edge, edge];
    const height = ceilDiv(x.height, stride);
    const width = ceilDiv(x.width, stride);
    const weight = this.g.weight(w.take('weight', [out, x.channels, kernel, kernel]));
    const inputs = this.#padChannels(x, weight);
    if (bias) inputs.push(this.g.weight(w.take('bias', [out])));
    const flops = times(2, x.batch, height, width, out, x.channels * kernel * kernel);
    const tensor = this.g.node('Conv', inputs, x.tensor.dtype, [x.batch, height, width, out], {
      domain: NHWC,
      attributes: { kernel_shape: [kernel, kernel], pads, strides: [stride, stride] },
      work: { kind: 'convolution', flops },
    });
    return { tensor, batch: x.batch, height, width, channels: out };
  }

  /**
   * HACK: the provider's NHWC convolution reads input channels three at a time when their number divides by 3
   * and not by 4, and is then wrong for more than three of them (9, as inpainting models have): measured, see
   * docs/decisions/webgpu-spelling.md. Channels of zeros up to a multiple of 4 avoid that kernel.
   */
  #padChannels(x: FeatureMap, weight: Value): [Value, Value] {
    const { channels } = x;
    if (channels <= 3 || channels % 3 !== 0 || channels % 4 === 0) return [x.tensor, weight];
    const extra = 4 - (channels % 4);
    const pad = (value: Value, axis: number): Value => {
      const pads = Array<number>(8).fill(0);
      pads[4 + axis] = extra;
      const shape = value.shape.map((dim, i) => (i === axis ? channels + extra : dim));
      return this.g.node('Pad', [value, this.g.ints(pads)], value.dtype, shape);
    };
    return [pad(x.tensor, 3), pad(weight, 1)];
  }

  groupNorm(
    x: FeatureMap,
    w: WeightScope,
    { groups, eps, silu = false }: GroupNormOptions,
  ): FeatureMap {
    const inputs = [
      x.tensor,
      this.g.weight(w.take('weight', [x.channels]), { dtype: 'float32' }),
      this.g.weight(w.take('bias', [x.channels]), { dtype: 'float32' }),
    ];
    const tensor = this.g.node('GroupNorm', inputs, x.tensor.dtype, x.tensor.shape, {
      domain: MICROSOFT,
      attributes: { groups, epsilon: { float: eps }, activation: silu ? 1 : 0, channels_last: 1 },
    });
    return { ...x, tensor };
  }

  toTokens(x: FeatureMap): Value {
    const shape = [x.batch, times(x.height, x.width), x.channels];
    return this.reshape(x.tensor, [0, -1, x.channels], shape);
  }

  fromTokens(tokens: Value, like: FeatureMap): FeatureMap {
    const size = this.g.node('Shape', [like.tensor], 'int64', [4]);
    return { ...like, tensor: this.reshape(tokens, size, like.tensor.shape) };
  }

  attention(q: Value, k: Value, v: Value, { heads, causal = false }: AttentionOptions): Value {
    const [, queries, width] = q.shape as [Dim, Dim, number];
    const [, keys] = k.shape as [Dim, Dim];
    const chunks = causal
      ? 1
      : this.attentionChunks({ queries, keys, heads, headWidth: width / heads });
    return this.inChunks(q, chunks, (piece) =>
      this.g.node('MultiHeadAttention', [piece, k, v], q.dtype, piece.shape, {
        domain: MICROSOFT,
        attributes: { num_heads: heads, ...(causal ? { unidirectional: 1 } : {}) },
        work: { kind: 'attention', flops: times(4, ...piece.shape, keys) },
      }),
    );
  }

  wideAttention(q: Value, k: Value, v: Value): Value {
    const [batch, queries, width] = q.shape as [Dim, Dim, number];
    const chunks = this.attentionChunks({ queries, keys: queries, heads: 1, headWidth: width });
    const scale = this.g.floats([1 / Math.sqrt(width)], [1]);
    const keys = this.g.node(
      'Transpose',
      [this.multiply(k, scale)],
      k.dtype,
      [batch, width, queries],
      {
        attributes: { perm: [0, 2, 1] },
      },
    );
    return this.inChunks(q, chunks, (piece) => {
      const scores = this.matmul(piece, keys);
      const weights = this.g.node('Softmax', [scores], scores.dtype, scores.shape, {
        attributes: { axis: -1 },
      });
      return this.matmul(weights, v);
    });
  }

  geglu(x: Value, w: WeightScope, { out }: { out: number }): Value {
    const product = this.matmulWeight(x, w, 2 * out);
    const bias = this.g.weight(w.take('bias', [2 * out]));
    const shape = [...x.shape.slice(0, -1), out];
    // HACK: its f16 shader does not compile (a vec4<f16> divided by an f32): see docs/decisions/webgpu-spelling.md.
    if (SPLIT_GELU_WIDTHS.has(2 * out) && this.g.dtype === 'float32') {
      return this.g.node('BiasSplitGelu', [product, bias], x.dtype, shape, { domain: MICROSOFT });
    }
    const [hidden, gate] = this.split(this.add(product, bias), 2, 2) as [Value, Value];
    return this.multiply(hidden, this.gelu(gate));
  }

  quickGelu(x: Value): Value {
    return this.g.node('QuickGelu', [x], x.dtype, x.shape, {
      domain: MICROSOFT,
      attributes: { alpha: { float: 1.702 } },
    });
  }
}
