/**
 * How much GPU memory onnxruntime's pool of buffers takes in a run, beside the weights.
 *
 * The pool hands out buffers of a few sizes only and keeps what it gets back. A convolution whose kernel is an input of the
 * graph transposes the kernel in every run, into a buffer of the pool. So a run takes more than the tensors that are alive
 * at one time. This walks a graph as the library does and counts the buffers that it would make.
 *
 * docs/decisions/memory.md compares it with what was measured.
 */

import type { GraphModule, GraphNode } from '../graph/builder.ts';
import { tensorUses } from '../graph/cost.ts';

/** Sizes of the pool's buffers in bytes and how many of each are kept: BUCKET_DEFAULT_LIMIT_TABLE of onnxruntime. */
const BUCKETS: ReadonlyMap<number, number> = new Map([
  [64, 250],
  [128, 200],
  [256, 200],
  [512, 200],
  [2048, 230],
  [4096, 200],
  [8192, 50],
  [16384, 50],
  [32768, 50],
  [65536, 50],
  [131072, 50],
  [262144, 50],
  [524288, 50],
  [1048576, 50],
  [2097152, 30],
  [4194304, 20],
  [8388608, 10],
  [12582912, 10],
  [16777216, 10],
  [26214400, 15],
  [33554432, 22],
  [44236800, 2],
  [58982400, 6],
  [67108864, 6],
  [134217728, 6],
  [167772160, 6],
]);
const BUCKET_SIZES = [...BUCKETS.keys()];

/** Buffers that are larger than all buckets are made to measure, in multiples of this. */
const GRAIN = 16;

/** Most bytes that the pool's buffers take in a run, given the bytes of every tensor by name. */
export function poolBytes(graph: GraphModule, sizes: ReadonlyMap<string, number>): number {
  const pool = new Pool();
  const { ownerOf, endingAt } = tensorUses(graph);
  const isWeight = new Set(graph.weights.flatMap(({ values }) => values.map(({ name }) => name)));
  const bytesOf = (name: string): number => sizes.get(name) ?? 0;
  const lent = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries()) {
    for (const name of node.outputs)
      if (ownerOf(name) === name) lent.set(name, pool.lend(bytesOf(name)));
    const scratch = scratchTensors(node, isWeight).map((name) => pool.lend(bytesOf(name)));
    for (const size of scratch) pool.giveBack(size);
    for (const name of endingAt(i)) {
      const size = lent.get(name);
      if (size !== undefined) pool.giveBack(size);
      lent.delete(name);
    }
  }
  return pool.peakBytes;
}

/** The inputs of which an operator makes a copy in another order. */
function scratchTensors({ op, inputs }: GraphNode, isWeight: ReadonlySet<string>): string[] {
  const [, second = '', third = ''] = inputs;
  if (op === 'Conv' && isWeight.has(second)) return [second];
  // Keys and values.
  if (op === 'MultiHeadAttention') return [second, third];
  return [];
}

/** The pool, by sizes alone. */
class Pool {
  readonly #free = new Map<number, number>();
  #bytes = 0;
  #peak = 0;

  get peakBytes(): number {
    return this.#peak;
  }

  /** Lends a buffer for a tensor of so many bytes; gives the buffer's own size. */
  lend(bytes: number): number {
    const size = BUCKET_SIZES.find((each) => each >= bytes) ?? Math.ceil(bytes / GRAIN) * GRAIN;
    const free = this.#free.get(size) ?? 0;
    if (free > 0) {
      this.#free.set(size, free - 1);
    } else {
      this.#bytes += size;
      this.#peak = Math.max(this.#peak, this.#bytes);
    }
    return size;
  }

  giveBack(size: number): void {
    const free = this.#free.get(size) ?? 0;
    if (free < (BUCKETS.get(size) ?? 0)) this.#free.set(size, free + 1);
    else this.#bytes -= size;
  }
}
