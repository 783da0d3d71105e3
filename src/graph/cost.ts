/**
 * What a graph costs at given sizes: arithmetic, bytes, memory, told from its nodes without running it.
 */

import { BYTES_PER_ELEMENT } from '../tensor/dtype.ts';
import type { GraphModule, Value, Work } from './builder.ts';
import { evaluateCount, evaluateDim, type Bindings } from './dim.ts';

/** One node at given sizes. */
export type NodeCost = {
  /** The node's name. */
  readonly name: string;
  readonly op: string;
  /** Which kernel family does the arithmetic; undefined for element-wise and data-moving nodes. */
  readonly kind: Work['kind'] | undefined;
  /** Operations of convolutions, matrix products and attention; multiply and add are two. */
  readonly flops: number;
  /** Bytes read and written, weights included; 0 for views. */
  readonly bytes: number;
  /** The largest tensor it reads or writes, in bytes, and that tensor's name. */
  readonly largest: { readonly name: string; readonly bytes: number };
};

/** A graph at given sizes. */
export type GraphCost = {
  readonly nodes: readonly NodeCost[];
  readonly flops: number;
  readonly weightBytes: number;
  /** Most bytes of inputs, outputs and intermediate results alive at one time; without weights. */
  readonly peakActivationBytes: number;
  /** Bytes of every tensor, weights included, by name. */
  readonly sizes: ReadonlyMap<string, number>;
};

/** Evaluates every node of `graph`. */
export function graphCost(graph: GraphModule, bindings: Bindings): GraphCost {
  const bytesOf = (value: Value): number =>
    evaluateCount(value.shape, bindings) * BYTES_PER_ELEMENT[value.dtype];
  const sizes = new Map<string, number>();
  for (const port of graph.inputs) sizes.set(port.name, bytesOf(port));
  let weightBytes = graph.inlineBytes ?? 0;
  const weights = graph.weights.flatMap(({ values }) => values);
  for (const value of weights) {
    const bytes = bytesOf(value);
    sizes.set(value.name, bytes);
    weightBytes += bytes;
  }
  const nodes = graph.nodes.map((node): NodeCost => {
    for (const result of node.results) sizes.set(result.name, bytesOf(result));
    // Shape looks at dimensions alone.
    const read = node.op === 'Shape' ? [] : node.inputs;
    const touched = [...read, ...node.outputs].map((name) => ({
      name,
      bytes: sizes.get(name) ?? 0,
    }));
    return {
      name: node.name,
      op: node.op,
      kind: node.work?.kind,
      flops: node.work === undefined ? 0 : evaluateDim(node.work.flops, bindings),
      bytes: node.isView ? 0 : touched.reduce((sum, { bytes }) => sum + bytes, 0),
      largest: touched.reduce((a, b) => (b.bytes > a.bytes ? b : a), { name: '', bytes: 0 }),
    };
  });
  return {
    nodes,
    flops: nodes.reduce((sum, node) => sum + node.flops, 0),
    weightBytes,
    peakActivationBytes: peakBytes(graph, sizes),
    sizes,
  };
}

/** Which tensors share memory, and where each is used for the last time. */
export type TensorUses = {
  /** The tensor whose memory a tensor has: itself, or what it is a view of. */
  readonly ownerOf: (name: string) => string;
  /** Tensors that own memory and are not used after this node, weights and inputs included; outputs stay. */
  readonly endingAt: (node: number) => readonly string[];
};

/** Follows the tensors of a graph through its nodes in order. */
export function tensorUses(graph: GraphModule): TensorUses {
  const owner = new Map<string, string>();
  const ownerOf = (name: string): string => owner.get(name) ?? name;
  const lastUse = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries()) {
    if (node.isView) owner.set(node.outputs[0] as string, ownerOf(node.inputs[0] as string));
    for (const name of [...node.inputs, ...node.outputs]) lastUse.set(ownerOf(name), i);
  }
  for (const { name } of graph.outputs) lastUse.delete(ownerOf(name));
  const endings = new Map<number, string[]>();
  for (const [name, index] of lastUse) {
    const others = endings.get(index);
    if (others === undefined) endings.set(index, [name]);
    else others.push(name);
  }
  return { ownerOf, endingAt: (node) => endings.get(node) ?? [] };
}

/** Walks the nodes in order and frees each tensor after its last use, as the runtime's planner does. */
function peakBytes(graph: GraphModule, sizes: ReadonlyMap<string, number>): number {
  const { ownerOf, endingAt } = tensorUses(graph);
  const isWeight = new Set(graph.weights.flatMap(({ values }) => values.map(({ name }) => name)));
  let live = graph.inputs.reduce((sum, { name }) => sum + (sizes.get(name) ?? 0), 0);
  let peak = live;
  const alive = new Set(graph.inputs.map(({ name }) => name));
  for (const [i, node] of graph.nodes.entries()) {
    for (const name of node.outputs) {
      if (ownerOf(name) !== name) continue;
      live += sizes.get(name) ?? 0;
      alive.add(name);
    }
    peak = Math.max(peak, live);
    for (const name of endingAt(i)) {
      if (isWeight.has(name) || !alive.delete(name)) continue;
      live -= sizes.get(name) ?? 0;
    }
  }
  return peak;
}
