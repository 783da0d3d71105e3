/**
 * From the bytes of a checkpoint to the weights of a graph, on the GPU.
 *
 * A chunk of raw elements, beginning anywhere in the tensor, is converted and scattered into its
 * places in the destination. All arithmetic is on integers, so that results are the same bits on
 * every GPU, NaN and subnormals included, and halves are written without `shader-f16`: two elements
 * share a 32-bit word, and the invocation that owns the word keeps what the chunk does not cover.
 */

import type { FloatDtype, StorageDtype } from '../../../tensor/dtype.ts';
import type { WeightLayout } from '../../../weights/layout.ts';
import { LazyBuffer } from '../allocate.ts';
import { BUFFER_USAGE } from '../flags.ts';
import { cachedPipeline, gridFor, LINEAR_INDEX } from './pipelines.ts';

/** Which conversion: one compiled pipeline each. */
export type Conversion = {
  from: StorageDtype;
  to: FloatDtype;
  layout: WeightLayout;
};

/** One chunk of a tensor, and where it goes. */
export type ConversionChunk = {
  /** Raw elements, little-endian, from byte 0; at least `count` of them, and whole 32-bit words. */
  source: GPUBuffer;
  /** Receives the whole tensor, from byte 0. */
  destination: GPUBuffer;
  /** Position of the chunk's first element in the stored tensor. */
  first: number;
  /** Elements in the chunk. */
  count: number;
  /** The stored tensor as a matrix. With the layout `stored` only the product matters. */
  rows: number;
  columns: number;
};

const FORMATS = { float32: 0, float16: 1, bfloat16: 2 } as const;

const SHADER = /* wgsl */ `
override FROM: u32;         // 0: float32, 1: float16, 2: bfloat16
override TO_HALF: bool;
override TRANSPOSED: bool;

struct Chunk { first: u32, count: u32, rows: u32, columns: u32 }

@group(0) @binding(0) var<uniform> chunk: Chunk;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> destination: array<u32>;
${LINEAR_INDEX}
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

// where the stored element goes, and which one comes to a place
fn place_of(element: u32) -> u32 {
  if (!TRANSPOSED) { return element; }
  return (element % chunk.columns) * chunk.rows + element / chunk.columns;
}

fn element_at(place: u32) -> u32 {
  if (!TRANSPOSED) { return place; }
  return (place % chunk.rows) * chunk.columns + place / chunk.rows;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = linear_index(invocation, groups);
  if (i >= chunk.count) { return; }
  let place = place_of(chunk.first + i);
  if (!TO_HALF) {
    destination[place] = as_float(i);
    return;
  }
  // The other half of the word: in this chunk too, or not to be touched.
  let is_upper = (place & 1u) == 1u;
  let neighbour = place ^ 1u;
  var j = chunk.count;
  if (neighbour < chunk.rows * chunk.columns) {
    j = element_at(neighbour) - chunk.first; // wraps around, to beyond count, for earlier elements
  }
  if (j < chunk.count) {
    if (is_upper) { return; } // the owner of the lower half writes both
    destination[place >> 1u] = as_half(i) | (as_half(j) << 16u);
  } else if (is_upper) {
    destination[place >> 1u] = (destination[place >> 1u] & 0xffffu) | (as_half(i) << 16u);
  } else {
    destination[place >> 1u] = (destination[place >> 1u] & 0xffff0000u) | as_half(i);
  }
}
`;

/** Converts chunks on one device. Owns a small uniform buffer. */
export class Converter {
  readonly #device: GPUDevice;
  readonly #uniform: LazyBuffer;
  readonly #prepared = new Map<string, { pipeline: GPUComputePipeline; uniform: GPUBuffer }>();

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#uniform = new LazyBuffer(device, {
      label: 'convert/chunk',
      size: 16,
      usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST,
    });
  }

  /** Makes what {@link run} needs for this conversion. Rejects with `out-of-memory`. */
  async prepare(conversion: Conversion): Promise<void> {
    const { from, to, layout } = conversion;
    const key = keyOf(conversion);
    if (this.#prepared.has(key)) return;
    const pipeline = await cachedPipeline(this.#device, key, () => ({
      code: SHADER,
      constants: {
        FROM: FORMATS[from],
        TO_HALF: Number(to === 'float16'),
        TRANSPOSED: Number(layout === 'transposed'),
      },
    }));
    this.#prepared.set(key, { pipeline, uniform: await this.#uniform.get() });
  }

  /** Submits one chunk. The conversion must have been prepared. */
  run(conversion: Conversion, chunk: ConversionChunk): void {
    const prepared = this.#prepared.get(keyOf(conversion));
    if (prepared === undefined) throw new Error(`${keyOf(conversion)} was not prepared`);
    const { pipeline, uniform } = prepared;
    const device = this.#device;
    const { first, count, rows, columns, source, destination } = chunk;
    // Queue operations keep their order, so that one uniform buffer serves all dispatches.
    device.queue.writeBuffer(uniform, 0, new Uint32Array([first, count, rows, columns]));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [uniform, source, destination].map((buffer, binding) => ({
          binding,
          resource: { buffer },
        })),
      }),
    );
    pass.dispatchWorkgroups(...gridFor(device, count));
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#prepared.clear();
    this.#uniform.destroy();
  }
}

function keyOf({ from, to, layout }: Conversion): string {
  return `convert/${from}-${to}-${layout}`;
}
