/**
 * Fits a graph to a device at given sizes: how finely attention is cut, what still exceeds a limit, how much
 * memory a run needs and how long it will take.
 *
 * Windows resets a GPU whose single dispatch runs for two seconds; nothing here may run longer than half a
 * second at the throughput the device was measured to have.
 */

import type { GraphModule } from '../graph/builder.ts';
import { graphCost, type GraphCost, type NodeCost } from '../graph/cost.ts';
import { evaluateDim, type Bindings, type Dim } from '../graph/dim.ts';
import type { AttentionChunks } from '../graph/ops.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import { poolBytes } from './buffer-pool.ts';

/** Operations a second by kernel family, and bytes a second of plain data movement. */
export type Throughput = {
  readonly convolution: number;
  readonly matmul: number;
  readonly attention: number;
  readonly bytes: number;
};

/** Throughput in each format that was measured. */
export type ThroughputByFormat = Readonly<Partial<Record<FloatDtype, Throughput>>>;

/** What a device allows. */
export type DeviceBudget = {
  /** Largest buffer in bytes. */
  readonly maxBufferBytes: number;
  /** Largest part of a buffer that a shader may see at once, in bytes. */
  readonly maxBindingBytes: number;
  /** Largest sum of weights and activations in bytes; undefined where it is not known. */
  readonly maxMemoryBytes?: number;
  /** Largest sum of weights alone, where the device tells one. */
  readonly maxWeightBytes?: number;
  /** Whether activations are buffers of a pool, as on WebGPU; default false. */
  readonly hasBufferPool?: boolean;
  /** Measured throughput; undefined where nothing resets slow work (wasm, and renderers of tests). */
  readonly throughput: Throughput | undefined;
};

/** Longest time of one dispatch, in seconds. */
export const MAX_DISPATCH_SECONDS = 0.5;
/** Largest score matrix of an attention that is spelled out, in bytes. */
export const MAX_SCORE_BYTES = 64 * 2 ** 20;
const MAX_CHUNKS = 256;

/** A limit that a graph exceeds at these sizes. */
export type Violation = {
  readonly node: string;
  readonly op: string;
  readonly reason: 'buffer' | 'binding' | 'memory' | 'time';
  /** Bytes, or seconds for `time`. */
  readonly value: number;
  readonly limit: number;
};

/** How a graph will run. */
export type RunPlan = {
  readonly cost: GraphCost;
  readonly violations: readonly Violation[];
  /** Bytes beside the weights: the activations, or the pool's buffers for them. */
  readonly workBytes: number;
  /** Weights and what comes beside them, in bytes. */
  readonly memoryBytes: number;
  /** Estimated seconds; undefined without a measured throughput. */
  readonly seconds: number | undefined;
};

/** Seconds of one node at a throughput: its arithmetic or its bytes, whichever takes longer. */
export function nodeSeconds(
  node: Pick<NodeCost, 'kind' | 'flops' | 'bytes'>,
  throughput: Throughput,
): number {
  const arithmetic = node.kind === undefined ? 0 : node.flops / throughput[node.kind];
  return Math.max(arithmetic, node.bytes / throughput.bytes);
}

/** Checks a graph against a device. */
export function planRun(graph: GraphModule, bindings: Bindings, budget: DeviceBudget): RunPlan {
  const cost = graphCost(graph, bindings);
  const { throughput } = budget;
  const violations = cost.nodes.flatMap((node): Violation[] => {
    const { name, op, largest } = node;
    const found: Violation[] = [];
    const check = (reason: Violation['reason'], value: number, limit: number): void => {
      if (value > limit) found.push({ node: name, op, reason, value, limit });
    };
    check('buffer', largest.bytes, budget.maxBufferBytes);
    check('binding', largest.bytes, budget.maxBindingBytes);
    if (throughput !== undefined)
      check('time', nodeSeconds(node, throughput), MAX_DISPATCH_SECONDS);
    return found;
  });
  const workBytes =
    budget.hasBufferPool === true ? poolBytes(graph, cost.sizes) : cost.peakActivationBytes;
  const memoryBytes = cost.weightBytes + workBytes;
  const { maxMemoryBytes = Infinity } = budget;
  if (memoryBytes > maxMemoryBytes) {
    violations.push({
      node: graph.name,
      op: '',
      reason: 'memory',
      value: memoryBytes,
      limit: maxMemoryBytes,
    });
  }
  return {
    cost,
    violations,
    workBytes,
    memoryBytes,
    seconds:
      throughput === undefined
        ? undefined
        : cost.nodes.reduce((sum, node) => sum + nodeSeconds(node, throughput), 0),
  };
}

/** Options of {@link chunksFor}. */
export type ChunkRules = {
  readonly bindings: Bindings;
  readonly budget: DeviceBudget;
  readonly dtype: FloatDtype;
  /** Whether attention is one fused operator, which never writes its scores out. */
  readonly isFused: boolean;
};

/**
 * The coarsest cut of each attention that keeps a dispatch within {@link MAX_DISPATCH_SECONDS} and a written
 * score matrix within {@link MAX_SCORE_BYTES} and the device's limits; powers of two, so that few graphs serve all sizes.
 */
export function chunksFor({ bindings, budget, dtype, isFused }: ChunkRules): AttentionChunks {
  const size = (dim: Dim): number => evaluateDim(dim, bindings);
  const byteLimit = Math.min(MAX_SCORE_BYTES, budget.maxBindingBytes);
  return ({ queries, keys, heads, headWidth }) => {
    const rows = size(queries);
    const rowScores = (bindings['B'] ?? 1) * heads * size(keys);
    // Single heads of full width (autoencoders) are always spelled out.
    const isWritten = !isFused || heads === 1;
    const rowBytes = isWritten ? rowScores * (dtype === 'float16' && isFused ? 2 : 4) : 0;
    const { throughput } = budget;
    const rowSeconds =
      throughput === undefined ? 0 : (4 * rowScores * headWidth) / throughput.attention;
    const isTooMuch = (piece: number): boolean =>
      piece * rowBytes > byteLimit || piece * rowSeconds > MAX_DISPATCH_SECONDS;
    let chunks = 1;
    while (
      chunks < MAX_CHUNKS &&
      isTooMuch(Math.ceil(rows / chunks)) &&
      !leavesOneEmpty(rows, 2 * chunks)
    ) {
      chunks *= 2;
    }
    return chunks;
  };
}

/** Whether so many pieces, equal but for the last one, would leave nothing for that one. */
function leavesOneEmpty(whole: number, pieces: number): boolean {
  return Math.ceil(whole / pieces) * (pieces - 1) >= whole;
}
