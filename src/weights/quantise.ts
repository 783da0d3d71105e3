/**
 * Floats as whole numbers of 8 or 4 bits with a scale for every 32 of them, on the CPU.
 *
 * A block's scale is the half-precision number nearest to its extreme value (the one farthest from zero)
 * over -2^(bits - 1), so that the extreme becomes code 0 exactly and zero is code 2^(bits - 1): weight =
 * (code - 2^(bits - 1)) * scale. A scale is never subnormal, which some GPUs take for zero. Codes are
 * rounded to nearest, halves away from zero. Quotients are of 24-bit by 11-bit numbers, which in f64 fall on
 * the right side of every half; so the GPU's kernel, which divides whole numbers, gives the same bits.
 */

import { float16ToFloat32, float32ToFloat16 } from '../tensor/float16.ts';
import { BLOCK, type QuantisedBits } from './layout.ts';

/** Where codes and scales go. */
export type QuantisedTarget = {
  /** 32 codes in 32 or 16 bytes a block; of two codes in a byte the first is in the lower half. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** One half-precision pattern a block. */
  readonly scales: Uint16Array<ArrayBuffer>;
};

/** 2^-14, the smallest half-precision number that is not subnormal. */
const SMALLEST_SCALE = 2 ** -14;
/** The half-precision pattern of infinity. */
const INFINITE = 0x7c00;

/**
 * Quantises `values`, whole blocks, into `target` from the block `firstBlock` on. A block that holds NaN or infinity, or
 * whose scale is beyond half precision, gets an infinite scale: what is computed with it is not finite, as it
 * would not have been without quantisation.
 */
export function quantiseBlocks(
  values: Float32Array,
  bits: QuantisedBits,
  { codes, scales }: QuantisedTarget,
  firstBlock = 0,
): void {
  const zero = 2 ** (bits - 1);
  const blockBytes = (BLOCK * bits) / 8;
  for (let start = 0; start < values.length; start += BLOCK) {
    const block = firstBlock + start / BLOCK;
    let largest = 0;
    let isNegative = false;
    for (let i = start; i < start + BLOCK; i++) {
      const value = values[i]!;
      const magnitude = Math.abs(value);
      if (magnitude < largest) continue;
      if (magnitude > largest) isNegative = false;
      largest = Math.max(largest, magnitude); // NaN stays
      isNegative ||= value < 0;
    }
    const size = Number.isFinite(largest) ? Math.max(largest / zero, SMALLEST_SCALE) : Infinity;
    const half = float32ToFloat16(size);
    const isUsable = half !== INFINITE;
    const pattern = isNegative || !isUsable ? half : half | 0x8000;
    scales[block] = pattern;
    const scale = float16ToFloat32(pattern);
    for (let i = 0; i < BLOCK; i++) {
      const code = isUsable ? codeOf(values[start + i]! / scale, zero) : zero;
      const at = block * blockBytes + ((i * bits) >> 3);
      if (bits === 8 || i % 2 === 0) codes[at] = code;
      else codes[at] = codes[at]! | (code << 4);
    }
  }
}

function codeOf(quotient: number, zero: number): number {
  const steps = Math.floor(Math.abs(quotient) + 0.5);
  return quotient < 0 ? zero - Math.min(steps, zero) : zero + Math.min(steps, zero - 1);
}
