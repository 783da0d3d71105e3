/**
 * WGSL: the raw floats of a checkpoint in a buffer of words, as bits of single and of half precision.
 *
 * All arithmetic is on integers, so that results are the same bits on every GPU, NaN and subnormals included.
 */

import type { StorageDtype } from '../../../tensor/dtype.ts';

/** What the shader's constant FROM is for each format of a checkpoint. */
export const FORMATS = { float32: 0, float16: 1, bfloat16: 2 } as const satisfies Record<
  StorageDtype,
  number
>;

/** Declares FROM and the functions; the shader has a binding `source: array<u32>`. */
export const FLOAT_BITS = /* wgsl */ `
override FROM: u32;         // 0: float32, 1: float16, 2: bfloat16

fn raw_half(i: u32) -> u32 {
  return (source[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu;
}

// binary16 to binary32, as bits
fn widen(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 0x3ffu;
  if (exponent == 31u) { return sign | 0x7f800000u | (fraction << 13u); }
  if (exponent > 0u) { return sign | ((exponent + 112u) << 23u) | (fraction << 13u); }
  if (fraction == 0u) { return sign; }
  let top = firstLeadingBit(fraction); // fraction * 2^-24 = 1.x * 2^(top - 24)
  return sign | ((top + 103u) << 23u) | ((fraction << (23u - top)) & 0x7fffffu);
}

// binary32 to binary16, as bits: to nearest, ties to even
fn narrow(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u | ((magnitude >> 13u) & 0x3ffu); }
  if (magnitude >= 0x47800000u) { return sign | 0x7c00u; } // 2^16 and above
  if (magnitude >= 0x38800000u) {                          // 2^-14 and above: normal
    let rebased = magnitude - 0x38000000u;
    return sign | ((rebased + 0xfffu + ((rebased >> 13u) & 1u)) >> 13u); // a carry may reach infinity
  }
  if (magnitude < 0x33000000u) { return sign; }            // below 2^-25: zero
  let places = 126u - (magnitude >> 23u);                  // 14 to 24: to units of 2^-24
  let fraction = (magnitude & 0x7fffffu) | 0x800000u;
  let round_up = (1u << (places - 1u)) - 1u + ((fraction >> places) & 1u);
  return sign | ((fraction + round_up) >> places);
}

fn as_float(i: u32) -> u32 {
  switch FROM {
    case 0u: { return source[i]; }
    case 1u: { return widen(raw_half(i)); }
    default: { return raw_half(i) << 16u; }
  }
}

fn as_half(i: u32) -> u32 {
  switch FROM {
    case 0u: { return narrow(source[i]); }
    case 1u: { return raw_half(i); }
    default: { return narrow(raw_half(i) << 16u); }
  }
}
`;
