/**
 * A graph that somebody else exported, as one of ours: its weights are the engine's, its inputs and outputs are in f32,
 * and pictures have the order of the spelling.
 *
 * Nothing inside is touched. In front of each input and behind each output stand the nodes that make the difference: a
 * Transpose where pictures are NHWC on the device, a Concat where a run gives channels apart, a Cast, a Reshape.
 */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import type { FloatDtype } from '../tensor/dtype.ts';
import type { TensorEntry } from '../weights/checkpoint.ts';
import type { OnnxFile } from '../weights/onnx/onnx-file.ts';
import {
  externalTensor,
  type GraphModule,
  type GraphPort,
  type Spelling,
  type WeightPlacement,
  type WeightUse,
} from './builder.ts';
import { contentHash } from './content-hash.ts';
import type { Dim } from './dim.ts';
import {
  message,
  ONNX_DATA_TYPE,
  writeNode,
  writeTensor,
  writeValueInfo,
  type Attribute,
  type Initializer,
} from './proto.ts';

/** What a run gives: a tensor by name, pictures as [B, C, H, W]. */
export type GivenPort = {
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly role: GraphPort['role'];
};

/** An input of the file, and what of a run it is made of. */
export type ExportedInput = {
  /** Name in the file. */
  readonly name: string;
  /** `TensorProto.DataType` in the file. */
  readonly type: number;
  /** One, or several that are joined along the channels. */
  readonly given: readonly [GivenPort, ...GivenPort[]];
  /** Whether the file wants a number without dimensions where a run gives [1]. */
  readonly isScalar?: boolean;
};

/** An output of the file that a run wants. */
export type ExportedOutput = GivenPort & {
  /** `TensorProto.DataType` in the file. */
  readonly type: number;
};

/** Options of {@link exportedGraph}. */
export type ExportedGraphOptions = {
  readonly name: string;
  readonly spelling: Spelling;
  /** Format that the graph is said to compute in. */
  readonly dtype: FloatDtype;
  /** All inputs of the file. */
  readonly inputs: readonly ExportedInput[];
  /** Those outputs that are wanted; a run gives them under the names they have in the file. */
  readonly outputs: readonly ExportedOutput[];
  /** Default: inputs for WebGPU, initializers for the portable spelling. */
  readonly placeWeight?: ((entry: TensorEntry) => WeightPlacement) | undefined;
};

const IR_VERSION = 8;
const FIELD = { irVersion: 1, producer: 2, graph: 7 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const TO_LAST: readonly number[] = [0, 2, 3, 1];
const TO_FIRST: readonly number[] = [0, 3, 1, 2];
const SCALAR_SHAPE = 'adapter/scalar';

/** The input by which a run gives what is called `name` in {@link GivenPort}. */
export function givenName(name: string): string {
  return `given/${name}`;
}

/** The output by which a run gives the file's output `name`. */
export function takenName(name: string): string {
  return `taken/${name}`;
}

/** Writes the graph. */
export function exportedGraph(file: OnnxFile, options: ExportedGraphOptions): GraphModule {
  const { name, spelling, dtype } = options;
  const isLast = spelling === 'webgpu';
  const usual = isLast ? 'input' : 'initializer';
  const { placeWeight = () => usual } = options;
  const weights = [...file.checkpoint.tensors.values()].map((entry): WeightUse => {
    const { name: weight, shape } = entry;
    const format = entry.dtype === 'float16' ? 'float16' : 'float32';
    return {
      name: weight,
      entry,
      dtype: format,
      layout: 'stored',
      values: [{ name: weight, dtype: format, shape }],
      placement: placeWeight(entry),
    };
  });
  const nodes = new AdapterNodes(isLast);
  const inputs = options.inputs.flatMap((input) => nodes.enter(input));
  const before = nodes.take();
  const outputs = options.outputs.map((output) => nodes.leave(output));
  const after = nodes.take();
  const writer = new BinaryWriter();
  writer.tag(FIELD.irVersion, WireType.Varint).int64(IR_VERSION);
  writer.tag(FIELD.producer, WireType.LengthDelimited).string('local-diffusion');
  message(writer, FIELD.graph, (graph) => {
    graph.raw(before).raw(file.body).raw(after);
    graph.tag(GRAPH.name, WireType.LengthDelimited).string(name);
    if (options.inputs.some(({ isScalar }) => isScalar === true))
      message(graph, GRAPH.initializer, (w) => writeTensor(w, noDimensions()));
    for (const { values, placement } of weights) {
      for (const value of values) {
        if (placement === 'input') message(graph, GRAPH.input, (w) => writeValueInfo(w, value));
        else message(graph, GRAPH.initializer, (w) => writeTensor(w, externalTensor(value)));
      }
    }
    for (const port of inputs) message(graph, GRAPH.input, (w) => writeValueInfo(w, port));
    for (const port of outputs) message(graph, GRAPH.output, (w) => writeValueInfo(w, port));
  });
  writer.raw(file.header);
  const model = new Uint8Array(writer.finish());
  const checkpointId = file.checkpoint.id;
  return {
    name,
    spelling,
    dtype,
    model,
    checkpointId,
    hash: contentHash(model, checkpointId),
    inputs,
    outputs,
    weights,
    // What its nodes cost is not known.
    nodes: [],
    inlineBytes: file.body.byteLength,
  };
}

/** Collects the nodes in front of and behind the exported ones. */
class AdapterNodes {
  readonly #isLast: boolean;
  #writer = new BinaryWriter();
  #count = 0;

  constructor(isLast: boolean) {
    this.#isLast = isLast;
  }

  /** The bytes of the nodes since the last time. */
  take(): Uint8Array {
    const bytes = this.#writer.finish();
    this.#writer = new BinaryWriter();
    return bytes;
  }

  /** The ports of a run from which an input of the file is made. */
  enter({ name, type, given, isScalar = false }: ExportedInput): GraphPort[] {
    const parts = given.map((part) => ({ part, entry: givenName(part.name) }));
    const pictures = parts.map(({ part, entry }) =>
      this.#isSwapped(part) ? this.#node('Transpose', [entry], { perm: TO_FIRST }) : entry,
    );
    const [first = ''] = pictures;
    let value = pictures.length === 1 ? first : this.#node('Concat', pictures, { axis: 1 });
    if (isScalar) value = this.#node('Reshape', [value, SCALAR_SHAPE], {});
    this.#cast(value, type, name);
    return parts.map(({ part, entry }) => this.#port(part, entry));
  }

  /** The port under which an output of the file leaves. */
  leave(output: ExportedOutput): GraphPort {
    const { name } = output;
    const leaving = takenName(name);
    if (this.#isSwapped(output)) {
      const value = this.#node('Cast', [name], { to: ONNX_DATA_TYPE.float32 });
      this.#node('Transpose', [value], { perm: TO_LAST }, leaving);
    } else {
      this.#cast(name, ONNX_DATA_TYPE.float32, leaving);
    }
    return this.#port(output, leaving);
  }

  /** A Cast to the same format costs nothing: the runtime library takes it out. */
  #cast(value: string, type: number, result: string): void {
    this.#node('Cast', [value], { to: type }, result);
  }

  #node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    result = `adapter/${this.#count}`,
  ): string {
    const name = `adapter/${op}_${this.#count++}`;
    const node = { op, domain: '', name, inputs, outputs: [result], attributes };
    message(this.#writer, GRAPH.node, (w) => writeNode(w, node));
    return result;
  }

  #isSwapped({ role, shape }: GivenPort): boolean {
    return this.#isLast && role === 'image' && shape.length === 4;
  }

  #port(port: GivenPort, name: string): GraphPort {
    const { shape, role } = port;
    const order = this.#isSwapped(port) ? TO_LAST : shape.keys();
    return { name, dtype: 'float32', role, shape: [...order].map((axis) => shape[axis] as Dim) };
  }
}

/** A shape without dimensions. */
function noDimensions(): Initializer {
  return {
    name: SCALAR_SHAPE,
    dtype: 'int64',
    dims: [0],
    content: { kind: 'inline', bytes: new Uint8Array() },
  };
}
