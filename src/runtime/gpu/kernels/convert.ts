/**
 * From the bytes of a checkpoint to the weights of a graph, on the GPU.
 *
 * A chunk of raw elements, beginning anywhere in the tensor, is converted and scattered into its
 * places in the destination. All arithmetic is on integers, so that results are the same bits on
 * every GPU, NaN and subnormals included, and halves are written without `shader-f16`: two elements
 * share a 32-bit word, and the invocation that owns the word keeps what the chunk does not cover.
 */

import type { FloatDtype, StorageDtype } from '../../../tensor/dtype.ts';
import type { QuantisedLayout, WeightLayout } from '../../../weights/layout.ts';
import { ChunkKernel } from './chunk-kernel.ts';
import { FLOAT_BITS, FORMATS } from './float-bits.ts';
import { LINEAR_INDEX } from './pipelines.ts';

/** Which conversion: one compiled pipeline each. */
export type Conversion = {
  from: StorageDtype;
  to: FloatDtype;
  layout: Exclude<WeightLayout, QuantisedLayout>;
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

const SHADER = /* wgsl */ `
override TO_HALF: bool;
override TRANSPOSED: bool;

struct Chunk { first: u32, count: u32, rows: u32, columns: u32 }

@group(0) @binding(0) var<uniform> chunk: Chunk;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> destination: array<u32>;
${LINEAR_INDEX}
${FLOAT_BITS}
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
  readonly #kernel: ChunkKernel;

  constructor(device: GPUDevice) {
    this.#kernel = new ChunkKernel(device, 'convert/chunk');
  }

  /** Makes what {@link run} needs for this conversion. Rejects with `out-of-memory`. */
  async prepare(conversion: Conversion): Promise<void> {
    const { from, to, layout } = conversion;
    await this.#kernel.prepare(keyOf(conversion), () => ({
      code: SHADER,
      constants: {
        FROM: FORMATS[from],
        TO_HALF: Number(to === 'float16'),
        TRANSPOSED: Number(layout === 'transposed'),
      },
    }));
  }

  /** Submits one chunk. The conversion must have been prepared. */
  run(conversion: Conversion, chunk: ConversionChunk): void {
    const { first, count, rows, columns, source, destination } = chunk;
    const buffers = [source, destination];
    this.#kernel.run(keyOf(conversion), [first, count, rows, columns], buffers, count);
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#kernel.dispose();
  }
}

function keyOf({ from, to, layout }: Conversion): string {
  return `convert/${from}-${to}-${layout}`;
}
