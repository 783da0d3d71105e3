/**
 * An ONNX file that somebody else exported, taken apart: its weights as a checkpoint, the rest as bytes to be copied.
 *
 * Weights are not read, wherever they lie: in the file itself, or in one beside it. So an exported graph's weights go
 * where all weights go, and files of any size are opened at the cost of their nodes.
 */

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { EngineError } from '../../errors.ts';
import type { ByteSource, Checkpoint, TensorEntry } from '../checkpoint.ts';
import {
  readOnnxTensor,
  tensorEntry,
  wholeTensor,
  type OnnxTensor,
  type OpenBeside,
} from './onnx-tensor.ts';
import { ProtoFields, type ProtoField } from './proto-fields.ts';

/** An input or output of the graph. */
export type OnnxPort = {
  readonly name: string;
  /** `TensorProto.DataType`. */
  readonly type: number;
  /** Numbers, and names (or nothing) of what is open. */
  readonly dims: readonly (number | string)[];
};

/** A node of the graph, by the names of what it reads and gives. */
export type OnnxNode = {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
};

/** See the file's header. */
export type OnnxFile = {
  /** For messages: its path. */
  readonly name: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** Nodes of the graph itself, without those inside of branches and loops. */
  readonly nodes: readonly OnnxNode[];
  /** Fields of `ModelProto` but for the graph and the version: operator sets and functions. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** Fields of `GraphProto` but for inputs, outputs and the tensors of the checkpoint: nodes and small tensors. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The weights, under the names they have in the graph. */
  readonly checkpoint: Checkpoint;
};

/** Options of {@link openOnnxFile}. */
export type OnnxFileOptions = {
  /** For messages; default the source's. */
  readonly name?: string;
  /** Opens a file beside it, by the path from there. */
  readonly beside: OpenBeside;
  readonly signal?: AbortSignal | undefined;
};

/** Tensors with fewer numbers stay in the graph: some operators take them as constants alone. */
const WEIGHT_COUNT = 16;
/** A graph of this many bytes cannot be given to the runtime library. */
const MAX_BODY_BYTES = 2 ** 31 - 2 ** 20;

const MODEL = { graph: 7, opsets: 8, functions: 25 } as const;
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, sparse: 15 } as const;
/** Names, documentation and shapes in between, which the runtime library finds out itself. */
const LEFT_OUT: readonly number[] = [2, 10, 13];

/**
 * Opens a file; `id` becomes the checkpoint's identity.
 *
 * @throws EngineError `model-malformed` for a file that is no ONNX model or refers to what is not there, `unsupported` for
 *   one that has sparse tensors, or more than 2 GB that cannot be streamed.
 */
export async function openOnnxFile(
  id: string,
  source: ByteSource,
  { name = source.name, beside, signal }: OnnxFileOptions,
): Promise<OnnxFile> {
  const fields = new ProtoFields(source, signal);
  const header: Uint8Array[] = [];
  let graph: ProtoField | undefined;
  for await (const field of fields.of(0, source.size)) {
    if (field.number === MODEL.graph) graph = field;
    else if (field.number === MODEL.opsets || field.number === MODEL.functions)
      header.push(await fields.bytes(field.from, field.end));
  }
  if (graph === undefined || header.length === 0) {
    throw new EngineError('model-malformed', `${name} is no ONNX file: it has no graph`, {
      detail: { name },
    });
  }
  const opened = new Map<string, Promise<ByteSource>>();
  const once: OpenBeside = (location) => {
    const known = opened.get(location) ?? beside(location);
    opened.set(location, known);
    return known;
  };
  const parts = await readGraph(fields, graph, name);
  // Side by side: each may have to be downloaded.
  const locations = new Set(parts.tensors.flatMap(({ outside }) => outside?.location ?? []));
  await Promise.all([...locations].map(once));
  const { tensors, kept } = await sorted(parts, { fields, source, beside: once, signal });
  const stored = new Set(parts.tensors.map((tensor) => tensor.name));
  return {
    name,
    // Before version 4 of the format, stored tensors are listed as inputs, too.
    inputs: parts.inputs.filter((port) => !stored.has(port.name)),
    outputs: parts.outputs,
    nodes: parts.nodes,
    header: concatenated(header),
    body: concatenated([...parts.copied, ...kept]),
    checkpoint: { id, tensors },
  };
}

type GraphParts = {
  readonly inputs: OnnxPort[];
  readonly outputs: OnnxPort[];
  readonly tensors: OnnxTensor[];
  readonly copied: Uint8Array[];
  readonly nodes: OnnxNode[];
};

async function readGraph(
  fields: ProtoFields,
  graph: ProtoField,
  name: string,
): Promise<GraphParts> {
  const parts: GraphParts = { inputs: [], outputs: [], tensors: [], copied: [], nodes: [] };
  for await (const field of fields.of(graph.start, graph.end)) {
    const { number, from, start, end } = field;
    if (number === GRAPH.initializer) parts.tensors.push(await readOnnxTensor(fields, field));
    else if (number === GRAPH.input) parts.inputs.push(readPort(await fields.bytes(start, end)));
    else if (number === GRAPH.output) parts.outputs.push(readPort(await fields.bytes(start, end)));
    else if (number === GRAPH.sparse) {
      throw new EngineError('unsupported', `${name} has sparse tensors, which are not supported`, {
        detail: { name },
      });
    } else if (!LEFT_OUT.includes(number)) {
      const whole = await fields.bytes(from, end);
      parts.copied.push(whole);
      if (number === GRAPH.node) parts.nodes.push(readNode(whole.subarray(start - from)));
    }
  }
  return parts;
}

/** The weights, and the messages of the tensors that stay in the graph. */
async function sorted(
  { tensors, nodes, copied }: GraphParts,
  options: OnnxFileOptions & { readonly fields: ProtoFields; readonly source: ByteSource },
): Promise<{ tensors: Map<string, TensorEntry>; kept: Uint8Array[] }> {
  const { fields, source, beside, signal } = options;
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const weights = new Map<string, TensorEntry>();
  const kept: Uint8Array[] = [];
  let bytes = copied.reduce((sum, { length }) => sum + length, 0);
  for (const tensor of tensors) {
    const count = tensor.dims.reduce((product, dim) => product * dim, 1);
    const isWeight = count >= WEIGHT_COUNT && read.has(tensor.name);
    const entry = isWeight ? await tensorEntry(tensor, source, beside) : undefined;
    if (entry !== undefined && entry.dtype !== 'bfloat16') {
      weights.set(entry.name, entry);
      continue;
    }
    const { start, end } = tensor.message;
    bytes += tensor.outside?.length ?? end - start;
    if (bytes > MAX_BODY_BYTES) {
      throw new EngineError(
        'unsupported',
        `${source.name} has more than 2 GB of tensors in formats other than float32 and float16, which is not supported`,
        { detail: { name: source.name, bytes } },
      );
    }
    const writer = new BinaryWriter();
    writer.tag(GRAPH.initializer, WireType.LengthDelimited);
    kept.push(writer.bytes(await wholeTensor(tensor, fields, beside, signal)).finish());
  }
  return { tensors: weights, kept };
}

/** A `NodeProto`. */
function readNode(bytes: Uint8Array): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let op = '';
  each(bytes, (number, reader) => {
    if (number === 1) inputs.push(reader.string());
    else if (number === 2) outputs.push(reader.string());
    else if (number === 4) op = reader.string();
    return number === 1 || number === 2 || number === 4;
  });
  return { op, inputs, outputs };
}

/** A `ValueInfoProto`; what is no tensor has the type 0. */
function readPort(bytes: Uint8Array): OnnxPort {
  let name = '';
  let type = 0;
  const dims: (number | string)[] = [];
  const readDim = (dim: Uint8Array): void => {
    let size: number | string = '';
    each(dim, (number, reader) => {
      if (number === 1) size = Number(reader.int64());
      else if (number === 2) size = reader.string();
      return number === 1 || number === 2;
    });
    // Exporters write 0 or -1 of what they do not know.
    dims.push(typeof size === 'number' && size <= 0 ? '' : size);
  };
  const readTensorType = (tensor: Uint8Array): void =>
    each(tensor, (number, reader) => {
      if (number === 1) type = reader.int32();
      else if (number === 2) each(reader.bytes(), nested(1, readDim));
      return number === 1 || number === 2;
    });
  each(bytes, (number, reader) => {
    if (number === 1) name = reader.string();
    else if (number === 2) each(reader.bytes(), nested(1, readTensorType));
    return number === 1 || number === 2;
  });
  return { name, type, dims };
}

function nested(field: number, read: (bytes: Uint8Array) => void) {
  return (number: number, reader: BinaryReader): boolean => {
    if (number === field) read(reader.bytes());
    return number === field;
  };
}

/** Calls `read` for each field of a message; what it does not take is skipped. */
function each(message: Uint8Array, read: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (!read(number, reader)) reader.skip(wire, number);
  }
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
