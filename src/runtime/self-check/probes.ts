/**
 * The probes of the self-check, small and at the sizes of a real network.
 */

import { times } from '../../graph/dim.ts';
import type { FeatureMap, GraphOps } from '../../graph/ops.ts';
import { openSizes } from '../../networks/network.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { BLOCK } from '../../weights/layout.ts';
import { Probe } from './probe.ts';
import { values, type ProbeTensor } from './values.ts';

/** A picture's size: channels, height, width. */
type ProbeSize = {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
};

const SMALL: ProbeSize = { channels: 64, height: 8, width: 12 };
const LARGE: ProbeSize = { channels: 320, height: 32, width: 24 };
const GROUPS = 32;
const EPS = 1e-5;

/** Probes of layers whose weights take 8 and 4 bits: a device that fails them computes with all 16. */
export function quantisedProbes({ isSmall }: { isSmall: boolean }): Probe[] {
  const size = isSmall ? SMALL : LARGE;
  return ([8, 4] as const).map((bits) => quantisedLinear(size, bits));
}

/** All other probes; `isSmall` leaves out the large ones, for renderers that would take seconds over each. */
export function allProbes({ isSmall }: { isSmall: boolean }): Probe[] {
  const sizes = isSmall ? [SMALL] : [SMALL, LARGE];
  return [
    ...sizes.flatMap((size) => [
      convolution(size, 1),
      convolution(size, 2),
      groupNorm(size),
      sampling(size),
    ]),
    rearranging({ ...SMALL, channels: 3 }),
    convolution({ channels: 9, height: 8, width: 8 }, 1),
    ...sizes.flatMap((size) => [dense(size), gatedFeedForward(size)]),
    attention({ tokens: 96, context: 96, heads: 2, headWidth: 40 }),
    attention({ tokens: 77, context: 77, heads: 2, headWidth: 64, causal: true }),
    attention({ tokens: 96, context: 77, heads: 1, headWidth: 160 }),
    ...(isSmall ? [] : [attention({ tokens: 1024, context: 1024, heads: 8, headWidth: 80 })]),
  ];
}

/** A 3x3 convolution with bias. */
function convolution(size: ProbeSize, stride: 1 | 2): Probe {
  const { channels: c, height, width } = size;
  const out = 32;
  const x = image(1, size);
  const kernel = tensor(2, [out, c, 3, 3], 1 / 16);
  const bias = tensor(3, [out]);
  const rows = Math.ceil(height / stride);
  const columns = Math.ceil(width / stride);
  return new Probe({
    name: `convolution of ${c} channels, stride ${stride}`,
    family: 'convolution',
    weights: { 'conv.weight': kernel, 'conv.bias': bias },
    inputs: { x },
    write: (ops, w) => {
      ops.imageOutput(
        'out',
        ops.conv2d(imageInput(ops, c), w.at('conv'), { out, kernel: 3, stride }),
      );
    },
    outDims: [1, out, rows, columns],
    answer: ([, o = 0, y = 0, column = 0]) => {
      let sum = bias.data[o] as number;
      for (let ic = 0; ic < c; ic++) {
        for (let ky = 0; ky < 3; ky++) {
          for (let kx = 0; kx < 3; kx++) {
            const iy = y * stride + ky - 1;
            const ix = column * stride + kx - 1;
            if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
            const weight = kernel.data[((o * c + ic) * 3 + ky) * 3 + kx] as number;
            sum += weight * (x.data[(ic * height + iy) * width + ix] as number);
          }
        }
      }
      return sum;
    },
  });
}

function groupNorm(size: ProbeSize): Probe {
  const { channels: c, height, width } = size;
  const x = image(4, size, 3);
  const scale = tensor(5, [c]);
  const shift = tensor(6, [c]);
  const group = (c / GROUPS) * height * width;
  return new Probe({
    name: `group norm and SiLU of ${c} channels`,
    family: 'normalisation',
    weights: { 'norm.weight': scale, 'norm.bias': shift },
    inputs: { x },
    write: (ops, w) => {
      const options = { groups: GROUPS, eps: EPS, silu: true };
      ops.imageOutput('out', ops.groupNorm(imageInput(ops, c), w.at('norm'), options));
    },
    outDims: [1, c, height, width],
    answer: ([, channel = 0, y = 0, column = 0]) => {
      const start = Math.floor((channel * height * width) / group) * group;
      const { mean, deviation } = moments(x.data.subarray(start, start + group));
      const centred = (x.data[(channel * height + y) * width + column] as number) - mean;
      return silu(
        (centred / deviation) * (scale.data[channel] as number) + (shift.data[channel] as number),
      );
    },
  });
}

/** Doubling, joining channels and a 1x1 convolution: the data movement of a way up. */
function sampling(size: ProbeSize): Probe {
  const { channels: c, height, width } = size;
  const out = 2 * c;
  const x = image(7, size);
  const kernel = tensor(8, [out, 2 * c, 1, 1], 1 / 8);
  const bias = tensor(9, [out]);
  return new Probe({
    name: `up-sampling and joining of ${c} channels`,
    family: 'movement',
    weights: { 'conv.weight': kernel, 'conv.bias': bias },
    inputs: { x },
    write: (ops, w) => {
      const doubled = ops.upsample(imageInput(ops, c), 2);
      const joined = ops.concatChannels(doubled, doubled);
      ops.imageOutput('out', ops.conv2d(joined, w.at('conv'), { out, kernel: 1 }));
    },
    outDims: [1, out, 2 * height, 2 * width],
    answer: ([, o = 0, y = 0, column = 0]) => {
      let sum = bias.data[o] as number;
      for (let ic = 0; ic < 2 * c; ic++) {
        const pixel = ((ic % c) * height + (y >> 1)) * width + (column >> 1);
        sum += (kernel.data[o * 2 * c + ic] as number) * (x.data[pixel] as number);
      }
      return sum;
    },
  });
}

/** Pixels as channels and back, which changes nothing, with an activation on either side: what upscalers are made of. */
function rearranging(size: ProbeSize): Probe {
  const { channels: c, height, width } = size;
  const x = image(23, size);
  const slopes = tensor(24, [4 * c]);
  const slope = 0.2;
  return new Probe({
    name: `pixels of ${c} channels as channels and back`,
    family: 'movement',
    weights: { 'prelu.weight': slopes },
    inputs: { x },
    write: (ops, w) => {
      const { batch, height: rows, width: columns } = openSizes();
      const sides = { batch, height: times(rows, 2), width: times(columns, 2) };
      const whole = ops.imageInput('x', { ...sides, channels: c });
      const apart = ops.prelu(ops.pixelUnshuffle(whole, 2), w.at('prelu'));
      const back = ops.pixelShuffle(apart, 2);
      ops.imageOutput(
        'out',
        ops.mapImage(back, (value) => ops.leakyRelu(value, slope)),
      );
    },
    outDims: [1, c, height, width],
    answer: ([, channel = 0, y = 0, column = 0]) => {
      const value = x.data[(channel * height + y) * width + column] as number;
      const own = slopes.data[channel * 4 + (y % 2) * 2 + (column % 2)] as number;
      const first = value > 0 ? value : own * value;
      return first > 0 ? first : slope * first;
    },
  });
}

/** Layer norm and a linear layer. */
function dense(size: ProbeSize): Probe {
  const width = size.channels;
  const tokens = size.height * size.width;
  const x = plain(10, [1, tokens, width], 2);
  const scale = tensor(11, [width]);
  const shift = tensor(12, [width]);
  const matrix = tensor(13, [width, width], 1 / 8);
  const bias = tensor(14, [width]);
  return new Probe({
    name: `layer norm and linear layer of width ${width}`,
    family: 'matmul',
    weights: {
      'norm.weight': scale,
      'norm.bias': shift,
      'linear.weight': matrix,
      'linear.bias': bias,
    },
    inputs: { x },
    write: (ops, w) => {
      const normed = ops.layerNorm(tokenInput(ops, 'x', width), w.at('norm'), EPS);
      ops.output('out', ops.linear(normed, w.at('linear'), { out: width }));
    },
    outDims: [1, tokens, width],
    answer: ([, row = 0, column = 0]) => {
      const line = x.data.subarray(row * width, (row + 1) * width);
      const { mean, deviation } = moments(line);
      return line.reduce((sum, v, i) => {
        const normed =
          ((v - mean) / deviation) * (scale.data[i] as number) + (shift.data[i] as number);
        return sum + normed * (matrix.data[column * width + i] as number);
      }, bias.data[column] as number);
    },
  });
}

/** A linear layer over weights that their codes say exactly: each block has the extreme -2^(bits - 1) times its scale. */
function quantisedLinear(size: ProbeSize, bits: 8 | 4): Probe {
  const width = size.channels;
  const tokens = size.height * size.width;
  const x = plain(21, [1, tokens, width]);
  const zero = 2 ** (bits - 1);
  const matrix = tensor(22, [width, width]);
  for (let i = 0; i < matrix.data.length; i++) {
    const code = i % BLOCK === 0 ? -zero : Math.round((matrix.data[i] as number) * (zero - 1));
    matrix.data[i] = code / zero / 2 ** (Math.floor(i / BLOCK) % 3);
  }
  return new Probe({
    name: `linear layer of width ${width} with weights of ${bits} bits`,
    family: 'matmul',
    weights: { 'linear.weight': matrix },
    weightBits: bits,
    inputs: { x },
    write: (ops, w) => {
      const product = ops.linear(tokenInput(ops, 'x', width), w.at('linear'), {
        out: width,
        bias: false,
      });
      ops.output('out', product);
    },
    outDims: [1, tokens, width],
    answer: ([, row = 0, column = 0]) => {
      let sum = 0;
      for (let i = 0; i < width; i++) {
        sum += (x.data[row * width + i] as number) * (matrix.data[column * width + i] as number);
      }
      return sum;
    },
  });
}

function gatedFeedForward(size: ProbeSize): Probe {
  const width = size.channels;
  const tokens = size.height * size.width;
  const out = 4 * width;
  const x = plain(15, [1, tokens, width]);
  const matrix = tensor(16, [2 * out, width], 1 / 8);
  const bias = tensor(17, [2 * out]);
  return new Probe({
    name: `gated feed-forward of width ${width}`,
    family: 'matmul',
    weights: { 'proj.weight': matrix, 'proj.bias': bias },
    inputs: { x },
    write: (ops, w) =>
      ops.output('out', ops.geglu(tokenInput(ops, 'x', width), w.at('proj'), { out })),
    outDims: [1, tokens, out],
    answer: ([, row = 0, column = 0]) => {
      const product = (o: number): number => {
        let sum = bias.data[o] as number;
        for (let i = 0; i < width; i++) {
          sum += (x.data[row * width + i] as number) * (matrix.data[o * width + i] as number);
        }
        return sum;
      };
      return product(column) * gelu(product(column + out));
    },
  });
}

/** Sizes of an attention probe. */
type AttentionSize = {
  readonly tokens: number;
  readonly context: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly causal?: boolean;
};

/** softmax(q k^T / sqrt(d)) v. */
function attention({ tokens, context, heads, headWidth, causal = false }: AttentionSize): Probe {
  const width = heads * headWidth;
  const q = plain(18, [1, tokens, width], 2);
  const k = plain(19, [1, context, width], 2);
  const v = plain(20, [1, context, width]);
  return new Probe({
    name: `attention of ${tokens} over ${context} tokens, ${heads} heads of ${headWidth}`,
    family: 'attention',
    weights: {},
    inputs: { q, k, v },
    write: (ops) => {
      const [qIn, kIn, vIn] = (['q', 'k', 'v'] as const).map((name) =>
        tokenInput(ops, name, width, causal),
      );
      if (qIn === undefined || kIn === undefined || vIn === undefined) return;
      ops.output('out', ops.attention(qIn, kIn, vIn, { heads, causal }));
    },
    outDims: [1, tokens, width],
    answer: ([, row = 0, column = 0]) => {
      const head = column - (column % headWidth);
      const scores = Array.from({ length: causal ? row + 1 : context }, (_, t) => {
        let dot = 0;
        for (let i = 0; i < headWidth; i++) {
          dot +=
            (q.data[row * width + head + i] as number) * (k.data[t * width + head + i] as number);
        }
        return dot / Math.sqrt(headWidth);
      });
      const highest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - highest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return (
        weights.reduce(
          (sum, weight, t) => sum + weight * (v.data[t * width + column] as number),
          0,
        ) / total
      );
    },
  });
}

function imageInput(ops: GraphOps, channels: number): FeatureMap {
  const { batch, height, width } = openSizes();
  return ops.imageInput('x', { batch, height, width, channels });
}

function tokenInput(ops: GraphOps, name: string, width: number, isShared = false) {
  const { batch, tokens, height } = openSizes();
  // Keys and values of a cross-attention have a length of their own.
  return ops.input(name, [batch, isShared || name === 'q' ? tokens : height, width]);
}

function image(seed: number, { channels, height, width }: ProbeSize, scale = 1): HostTensor {
  return plain(seed, [1, channels, height, width], scale);
}

function plain(seed: number, dims: readonly number[], scale = 1): HostTensor {
  return { dims, data: tensor(seed, dims, scale).data };
}

function tensor(seed: number, shape: readonly number[], scale = 1): ProbeTensor {
  return {
    shape,
    data: values(
      seed,
      shape.reduce((product, dim) => product * dim, 1),
      scale,
    ),
  };
}

function moments(data: Float32Array): { mean: number; deviation: number } {
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const variance = data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance + EPS) };
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** x * Phi(x) by Abramowitz and Stegun 7.1.26, right to 1.5e-7. */
function gelu(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - series * Math.exp(-z * z);
  return (x / 2) * (1 + Math.sign(x) * erf);
}
