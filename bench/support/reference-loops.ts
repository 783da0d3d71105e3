/**
 * Convolution and attention as plain loops in f64: slow, and right.
 */

import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';

/** A 3x3 convolution of [1, C, H, W] with [O, C, 3, 3], one pixel of zeros around. */
export function convolutionByLoops(x: HostTensor, kernel: HostTensor): HostTensor {
  const [, channels, height, width] = x.dims as [number, number, number, number];
  const [out] = kernel.dims as [number];
  const result = new Float32Array(out * height * width);
  const at = (c: number, row: number, column: number): number =>
    row < 0 || column < 0 || row >= height || column >= width
      ? 0
      : x.data[(c * height + row) * width + column]!;
  for (let i = 0; i < result.length; i++) {
    const o = Math.floor(i / (height * width));
    const row = Math.floor(i / width) % height;
    const column = i % width;
    let sum = 0;
    for (let tap = 0; tap < channels * 9; tap++) {
      const c = Math.floor(tap / 9);
      const value = at(c, row + (Math.floor(tap / 3) % 3) - 1, column + (tap % 3) - 1);
      sum += kernel.data[o * channels * 9 + tap]! * value;
    }
    result[i] = sum;
  }
  return hostTensor(result, [1, out, height, width]);
}

/** softmax(q k^T / sqrt(d)) v over heads, of [1, S, C] each. */
export function attentionByLoops(
  q: HostTensor,
  k: HostTensor,
  v: HostTensor,
  heads: number,
): HostTensor {
  const [, tokens, width] = q.dims as [number, number, number];
  const depth = width / heads;
  const result = new Float32Array(tokens * width);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < tokens; row++) {
      const weights = softmax(
        Array.from({ length: tokens }, (_, key) => {
          let score = 0;
          for (let d = head * depth; d < (head + 1) * depth; d++) {
            score += q.data[row * width + d]! * k.data[key * width + d]!;
          }
          return score / Math.sqrt(depth);
        }),
      );
      for (let d = head * depth; d < (head + 1) * depth; d++) {
        result[row * width + d] = weights.reduce(
          (sum, weight, key) => sum + weight * v.data[key * width + d]!,
          0,
        );
      }
    }
  }
  return hostTensor(result, [1, tokens, width]);
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
