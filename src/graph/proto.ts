/**
 * Encodes a graph as an ONNX `ModelProto`: field numbers of onnx.proto3 over a protobuf wire writer.
 *
 * It writes only what this project's graphs contain. Initializers are either small inline constants
 * or references to external data, one virtual file a tensor.
 */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import type { Dtype } from '../tensor/dtype.ts';
import type { Dim } from './dim.ts';

/** A node attribute: a float must say so, since JavaScript cannot tell 1.0 from 1. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** One operator call. */
export type NodeProto = {
  readonly op: string;
  /** Operator set; empty for the standard one. */
  readonly domain: string;
  readonly name: string;
  /** Names of values; an empty string stands for an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
};

/** A graph input or output. */
export type ValueInfo = {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly Dim[];
};

/** A tensor stored in the file, or named as the content of an external one. */
export type Initializer = {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly content:
    | { readonly kind: 'inline'; readonly bytes: Uint8Array }
    | { readonly kind: 'external'; readonly path: string; readonly byteLength: number };
};

/** Everything that goes into the file. */
export type ModelContent = {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly Initializer[];
  /** Version of each operator set used, by domain. */
  readonly opsets: Readonly<Record<string, number>>;
};

/** `TensorProto.DataType` of each element format. */
export const ONNX_DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const satisfies Record<Dtype, number>;

const IR_VERSION = 10;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const EXTERNAL = 1;

/** The bytes of the model file. */
export function encodeModel(content: ModelContent): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  int(writer, 1, IR_VERSION);
  text(writer, 2, 'local-diffusion');
  message(writer, 7, (graph) => {
    for (const node of content.nodes) message(graph, 1, (w) => writeNode(w, node));
    text(graph, 2, content.name);
    for (const tensor of content.initializers) message(graph, 5, (w) => writeTensor(w, tensor));
    for (const input of content.inputs) message(graph, 11, (w) => writeValueInfo(w, input));
    for (const output of content.outputs) message(graph, 12, (w) => writeValueInfo(w, output));
  });
  for (const [domain, version] of Object.entries(content.opsets)) {
    message(writer, 8, (w) => {
      if (domain !== '') text(w, 1, domain);
      int(w, 2, version);
    });
  }
  return new Uint8Array(writer.finish());
}

/** Writes the content of a `NodeProto`. */
export function writeNode(writer: BinaryWriter, node: NodeProto): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.name);
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, (w) => writeAttribute(w, name, value));
  }
  if (node.domain !== '') text(writer, 7, node.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name);
  if (typeof value === 'number') {
    int(writer, 3, value);
    int(writer, 20, ATTRIBUTE_TYPE.int);
  } else if (typeof value === 'string') {
    text(writer, 4, value);
    int(writer, 20, ATTRIBUTE_TYPE.string);
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    int(writer, 20, ATTRIBUTE_TYPE.float);
  } else {
    for (const item of value) int(writer, 8, item);
    int(writer, 20, ATTRIBUTE_TYPE.ints);
  }
}

/** Writes the content of a `TensorProto`. */
export function writeTensor(writer: BinaryWriter, tensor: Initializer): void {
  for (const dim of tensor.dims) int(writer, 1, dim);
  int(writer, 2, ONNX_DATA_TYPE[tensor.dtype]);
  text(writer, 8, tensor.name);
  const { content } = tensor;
  if (content.kind === 'inline') {
    writer.tag(9, WireType.LengthDelimited).bytes(content.bytes);
    return;
  }
  const entries = { location: content.path, offset: '0', length: String(content.byteLength) };
  for (const [key, value] of Object.entries(entries)) {
    message(writer, 13, (w) => {
      text(w, 1, key);
      text(w, 2, value);
    });
  }
  int(writer, 14, EXTERNAL);
}

/** Writes the content of a `ValueInfoProto`. */
export function writeValueInfo(writer: BinaryWriter, info: ValueInfo): void {
  text(writer, 1, info.name);
  message(writer, 2, (type) =>
    message(type, 1, (tensorType) => {
      int(tensorType, 1, ONNX_DATA_TYPE[info.dtype]);
      message(tensorType, 2, (shape) => {
        for (const dim of info.shape) {
          message(shape, 1, (w) => {
            if (typeof dim === 'number') int(w, 1, dim);
            else text(w, 2, dim.text);
          });
        }
      });
    }),
  );
}

function int(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

/** Writes a message as a field of another one. */
export function message(
  writer: BinaryWriter,
  field: number,
  body: (w: BinaryWriter) => void,
): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body(writer);
  writer.join();
}
