/**
 * From the bytes of a checkpoint to codes and scales, on the GPU: the same bits as weights/quantise.ts.
 *
 * An invocation takes two blocks of 32 weights, whose half-precision scales share a word. Weights and scale are
 * compared as whole numbers: twice a weight in units of the scale's last place, T, and the scale in the same units, S,
 * give the code's distance from zero as (T + S) / 2S, rounded down. Nothing here depends on how a GPU divides floats.
 */

import type { FloatDtype, StorageDtype } from '../../../tensor/dtype.ts';
import { BLOCK, type QuantisedBits } from '../../../weights/layout.ts';
import { ChunkKernel } from './chunk-kernel.ts';
import { FLOAT_BITS, FORMATS } from './float-bits.ts';
import { LINEAR_INDEX } from './pipelines.ts';

/** Which quantisation: one compiled pipeline each. */
export type Quantisation = {
  from: StorageDtype;
  bits: QuantisedBits;
  /** Format of the scales. */
  scales: FloatDtype;
};

/** One chunk of a tensor, and where it goes. */
export type QuantisationChunk = {
  /** Raw weights, little-endian, from byte 0; at least `count` of them. */
  source: GPUBuffer;
  /** Receive the whole tensor, from byte 0. */
  codes: GPUBuffer;
  scales: GPUBuffer;
  /** Position of the chunk's first weight in the tensor: a multiple of {@link PAIR}. */
  first: number;
  /** Weights in the chunk: whole blocks. */
  count: number;
};

/** Weights of two blocks: chunks begin at multiples of it. */
export const PAIR = 2 * BLOCK;

const SHADER = /* wgsl */ `
override BITS: u32;         // 8 or 4
override HALF_SCALES: bool;

struct Chunk { first_block: u32, blocks: u32 }

@group(0) @binding(0) var<uniform> chunk: Chunk;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> codes: array<u32>;
@group(0) @binding(3) var<storage, read_write> scales: array<u32>;
${LINEAR_INDEX}
${FLOAT_BITS}
const INFINITE = 0x7c00u;

// the scale of a block of the chunk, as bits of half precision
fn scale_of(block: u32) -> u32 {
  var largest = 0u;
  var is_negative = false;
  for (var i = 0u; i < 32u; i++) {
    let bits = as_float(block * 32u + i);
    let magnitude = bits & 0x7fffffffu;
    if (magnitude < largest) { continue; }
    if (magnitude > largest) { is_negative = false; }
    largest = magnitude;
    is_negative = is_negative || (magnitude > 0u && bits > 0x80000000u);
  }
  let exponents = (BITS - 1u) << 23u;
  let half = narrow(max(largest, 0x38800000u + exponents) - exponents); // at least 2^-14
  return select(half | 0x8000u, half, is_negative || half == INFINITE);
}

fn code_of(bits: u32, scale: u32) -> u32 {
  let zero = 1u << (BITS - 1u);
  if (scale == INFINITE) { return zero; }
  let exponent = (scale >> 10u) & 31u;
  let unit = (scale & 0x3ffu) | 0x400u;
  let fraction = (bits & 0x7fffffu) | 0x800000u;
  // A weight is at most 2^(BITS - 1) scales, so this shifts to the right, and a subnormal one shifts to nothing.
  let twice = fraction >> min(124u + exponent - ((bits >> 23u) & 255u), 31u);
  let steps = (twice + unit) / (2u * unit);
  let is_below = ((bits >> 31u) ^ (scale >> 15u)) == 1u;
  return select(zero + min(steps, zero - 1u), zero - min(steps, zero), is_below);
}

fn write_codes(block: u32, scale: u32) {
  let codes_of_word = 32u / BITS;
  for (var word = 0u; word < BITS; word++) { // 32 codes of BITS bits are as many words
    var packed = 0u;
    for (var i = 0u; i < codes_of_word; i++) {
      let bits = as_float(block * 32u + word * codes_of_word + i);
      packed |= code_of(bits, scale) << (i * BITS);
    }
    codes[(chunk.first_block + block) * BITS + word] = packed;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let block = 2u * linear_index(invocation, groups);
  if (block >= chunk.blocks) { return; }
  let has_second = block + 1u < chunk.blocks;
  let first = scale_of(block);
  write_codes(block, first);
  var second = 0u;
  if (has_second) {
    second = scale_of(block + 1u);
    write_codes(block + 1u, second);
  }
  let place = chunk.first_block + block;
  if (HALF_SCALES) {
    scales[place >> 1u] = first | (second << 16u);
  } else {
    scales[place] = widen(first);
    if (has_second) { scales[place + 1u] = widen(second); }
  }
}
`;

/** Quantises chunks on one device. Owns a small uniform buffer. */
export class Quantiser {
  readonly #kernel: ChunkKernel;

  constructor(device: GPUDevice) {
    this.#kernel = new ChunkKernel(device, 'quantise/chunk');
  }

  /** Makes what {@link run} needs for this quantisation. Rejects with `out-of-memory`. */
  async prepare(quantisation: Quantisation): Promise<void> {
    const { from, bits, scales } = quantisation;
    await this.#kernel.prepare(keyOf(quantisation), () => ({
      code: SHADER,
      constants: { FROM: FORMATS[from], BITS: bits, HALF_SCALES: Number(scales === 'float16') },
    }));
  }

  /** Submits one chunk. The quantisation must have been prepared. */
  run(quantisation: Quantisation, chunk: QuantisationChunk): void {
    const { source, codes, scales, first, count } = chunk;
    const blocks = count / BLOCK;
    const buffers = [source, codes, scales];
    const numbers = [first / BLOCK, blocks, 0, 0] as const;
    this.#kernel.run(keyOf(quantisation), numbers, buffers, Math.ceil(blocks / 2));
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#kernel.dispose();
  }
}

function keyOf({ from, bits, scales }: Quantisation): string {
  return `quantise/${from}-${bits}-${scales}`;
}
