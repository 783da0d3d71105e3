/**
 * Which provider runs each node of a graph, read from onnxruntime's own log.
 *
 * The log lists nodes one by one only where two providers share a graph. So a node that only the CPU has is
 * added to the file, beside the network and joined to nothing (two protobuf messages one behind the other
 * are their union). Weights that are graph inputs need no memory for this: nothing is run.
 */

import fs from 'node:fs';

import type { GraphModule } from '../../src/graph/builder.ts';
import { encodeModel } from '../../src/graph/proto.ts';
import type { Ort } from '../../src/runtime/ort.ts';

/** Operators by provider: how many nodes of each the optimised graph has. */
export type Placement = {
  readonly gpu: Readonly<Record<string, number>>;
  /** Nodes elsewhere, as `operator (node name) on provider`. */
  readonly elsewhere: readonly string[];
};

const MARKER = 'placement_marker';
const PROVIDER = /placed on \[(\w+)\]/;
/** A node's line: `  Conv (Conv_12)`, behind the log's own prefix. */
const NODE = /\] {2,}(\S+) \(([^)]*)\)\s*$/;

/** Makes a session of `graph` on `device` and tells where its nodes went. */
export async function placementOf(
  ort: Ort,
  device: GPUDevice,
  graph: GraphModule,
): Promise<Placement> {
  const model = withCpuNode(graph);
  const preferredLayout = graph.spelling === 'webgpu' ? 'NHWC' : 'NCHW';
  const lines = await logOf(async () => {
    const gpu = { device, preferredLayout, validation: 'disabled' } as const;
    const session = await ort.createSession(model, { gpu, external: [], logSeverity: 0 });
    await session.release();
  });
  return parse(lines);
}

/** The number of nodes on the GPU. */
export function gpuNodeCount(placement: Placement): number {
  return Object.values(placement.gpu).reduce((sum, count) => sum + count, 0);
}

function withCpuNode(graph: GraphModule): Uint8Array {
  const port = (suffix: string, shape: number[]) =>
    ({ name: MARKER + suffix, dtype: 'float32', shape }) as const;
  const node = { op: 'Det', domain: '', name: MARKER, attributes: {} };
  const extra = encodeModel({
    name: graph.name,
    nodes: [{ ...node, inputs: [`${MARKER}_in`], outputs: [`${MARKER}_out`] }],
    inputs: [port('_in', [2, 2])],
    outputs: [port('_out', [])],
    initializers: [],
    opsets: {},
  });
  const joined = new Uint8Array(graph.model.length + extra.length);
  joined.set(graph.model);
  joined.set(extra, graph.model.length);
  return joined;
}

/** Lines that the library prints while `task` runs. In Node it writes to the descriptors of stdout and stderr itself. */
async function logOf(task: () => Promise<void>): Promise<string[]> {
  const printed: string[] = [];
  const { writeSync } = fs;
  const capture = (...args: Parameters<typeof writeSync>): number => {
    const [descriptor, data] = args;
    if (descriptor > 2) return writeSync(...args);
    const text = String(data);
    printed.push(text);
    return text.length;
  };
  fs.writeSync = capture as typeof writeSync;
  try {
    await task();
  } finally {
    fs.writeSync = writeSync;
  }
  return printed.join('').split('\n');
}

function parse(lines: readonly string[]): Placement {
  const gpu: Record<string, number> = {};
  const elsewhere: string[] = [];
  let provider = '';
  for (const line of lines) {
    provider = PROVIDER.exec(line)?.[1] ?? provider;
    const [, op, name] = NODE.exec(line) ?? [];
    if (provider === '' || op === undefined || name === MARKER) continue;
    if (provider === 'WebGpuExecutionProvider') gpu[op] = (gpu[op] ?? 0) + 1;
    else elsewhere.push(`${op} (${name}) on ${provider}`);
  }
  if (provider === '') throw new Error('onnxruntime printed no placement of nodes');
  return { gpu, elsewhere };
}
