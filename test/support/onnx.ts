/**
 * Looks at graphs from the outside: decodes the ONNX file with another library's definitions of the format, and
 * checks what every runtime takes for granted.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type GraphProto, type ModelProto } from 'onnx-buf';

/** The content of an ONNX file. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return fromBinary(ModelProtoSchema, bytes);
}

/** The graph of an ONNX file. */
export function decodeGraph(bytes: Uint8Array): GraphProto {
  return decodeModel(bytes).graph!;
}

/** One sentence for everything about a graph that is not as the format demands, or that serves nothing. */
export function flaws(graph: GraphProto): string[] {
  const found: string[] = [];
  const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);
  const defined = new Set<string>();
  const used = new Set(names(graph.output));
  const define = (name: string): void => {
    if (name === '') found.push('a value has no name');
    if (defined.has(name)) found.push(`${name} is defined twice`);
    defined.add(name);
  };
  for (const name of [...names(graph.input), ...names(graph.initializer)]) define(name);
  for (const node of graph.node) {
    for (const name of node.input) {
      if (name !== '' && !defined.has(name)) found.push(`${node.name} reads ${name} too early`);
      used.add(name);
    }
    for (const name of node.output) define(name);
  }
  for (const name of names(graph.output)) {
    if (!defined.has(name)) found.push(`the output ${name} is never computed`);
  }
  for (const name of [...names(graph.input), ...names(graph.initializer)]) {
    if (!used.has(name)) found.push(`${name} is never read`);
  }
  for (const node of graph.node) {
    if (!node.output.some((name) => used.has(name))) found.push(`${node.name} serves nothing`);
  }
  for (const list of [graph.node, graph.output]) {
    const seen = new Set<string>();
    for (const name of names(list)) {
      if (seen.has(name)) found.push(`two are called ${name}`);
      seen.add(name);
    }
  }
  return found;
}
