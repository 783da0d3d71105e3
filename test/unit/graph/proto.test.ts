/**
 * The ONNX file as another library reads it: onnx-buf, generated from onnx.proto3 itself.
 */

import fc from 'fast-check';
import {
  AttributeProto_AttributeType,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type AttributeProto,
  type ModelProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { symbol, times, type Dim } from '../../../src/graph/dim.ts';
import {
  encodeModel,
  ONNX_DATA_TYPE,
  type Attribute,
  type Initializer,
  type ModelContent,
  type NodeProto,
  type ValueInfo,
} from '../../../src/graph/proto.ts';
import type { Dtype } from '../../../src/tensor/dtype.ts';
import { decodeModel } from '../../support/onnx.ts';

const EMPTY: ModelContent = {
  name: 'empty',
  nodes: [],
  inputs: [],
  outputs: [],
  initializers: [],
  opsets: {},
};

const decode = (content: Partial<ModelContent>): ModelProto =>
  decodeModel(encodeModel({ ...EMPTY, ...content }));

function node(attributes: Record<string, Attribute>, rest: Partial<NodeProto> = {}): NodeProto {
  return { op: 'Op', domain: '', name: 'n', inputs: [], outputs: ['y'], attributes, ...rest };
}

function decodedAttribute(value: Attribute): AttributeProto {
  return decode({ nodes: [node({ a: value })] }).graph!.node[0]!.attribute[0]!;
}

function decodedTensor(initializer: Initializer): TensorProto {
  return decode({ initializers: [initializer] }).graph!.initializer[0]!;
}

describe('the model', () => {
  test('says its version, its maker and its operator sets', () => {
    const model = decode({ name: 'unet', opsets: { '': 20, 'com.microsoft': 1 } });
    expect(model.irVersion).toBe(10n);
    expect(model.producerName).toBe('local-diffusion');
    expect(model.graph!.name).toBe('unet');
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ['', 20n],
      ['com.microsoft', 1n],
    ]);
  });

  test.each(Object.entries(ONNX_DATA_TYPE))('numbers the format %s as ONNX does', (name, type) => {
    const onnxName = { float32: 'FLOAT' }[name] ?? name.toUpperCase();
    expect(TensorProto_DataType[type]).toBe(onnxName);
  });
});

describe('a node', () => {
  test('keeps its names, its domain and the place of an input left out', () => {
    const { graph } = decode({
      nodes: [
        node({}, { domain: 'com.microsoft', inputs: ['x', '', 'scales'], outputs: ['y', 'z'] }),
      ],
    });
    const [decoded] = graph!.node;
    expect(decoded).toMatchObject({ name: 'n', opType: 'Op', domain: 'com.microsoft' });
    expect(decoded!.input).toEqual(['x', '', 'scales']);
    expect(decoded!.output).toEqual(['y', 'z']);
  });

  test('has whole numbers, also negative ones', () => {
    expect(decodedAttribute(-1)).toMatchObject({ i: -1n, type: AttributeProto_AttributeType.INT });
    expect(decodedAttribute(2 ** 40)).toMatchObject({ i: 2n ** 40n });
  });

  test('has floats that say so, also when they are whole', () => {
    const { FLOAT } = AttributeProto_AttributeType;
    expect(decodedAttribute({ float: 1 })).toMatchObject({ f: 1, type: FLOAT });
    expect(decodedAttribute({ float: 1e-6 })).toMatchObject({ f: Math.fround(1e-6), type: FLOAT });
  });

  test('has lists of whole numbers, also an empty one', () => {
    const { INTS } = AttributeProto_AttributeType;
    expect(decodedAttribute([0, -1, 3])).toMatchObject({ ints: [0n, -1n, 3n], type: INTS });
    expect(decodedAttribute([])).toMatchObject({ ints: [], type: INTS });
  });

  test('has strings', () => {
    const { s, type } = decodedAttribute('nearest – é');
    expect(new TextDecoder().decode(s)).toBe('nearest – é');
    expect(type).toBe(AttributeProto_AttributeType.STRING);
  });
});

describe('an input', () => {
  test('has open sizes by name and known ones by number', () => {
    const shape = [symbol('B'), times(2, symbol('H'), symbol('W')), 320];
    const { graph } = decode({ inputs: [{ name: 'x', dtype: 'float16', shape }] });
    expect(told(graph!.input[0]!)).toEqual({
      name: 'x',
      dtype: 'float16',
      shape: ['B', '2*H*W', 320],
    });
  });

  test('may be a scalar', () => {
    const { graph } = decode({ inputs: [{ name: 'x', dtype: 'int64', shape: [] }] });
    expect(told(graph!.input[0]!)).toEqual({ name: 'x', dtype: 'int64', shape: [] });
  });
});

describe('an initializer', () => {
  test('carries its bytes', () => {
    const bytes = new Uint8Array(Float32Array.of(1, -2, 0.5).buffer);
    const tensor = decodedTensor({
      name: 'c',
      dtype: 'float32',
      dims: [3, 1],
      content: { kind: 'inline', bytes },
    });
    expect(tensor).toMatchObject({ name: 'c', dims: [3n, 1n], dataType: 1, externalData: [] });
    expect(tensor.rawData).toEqual(bytes);
    expect(tensor.dataLocation).toBe(TensorProto_DataLocation.DEFAULT);
  });

  test('names the file its content lies in', () => {
    const path = 'down_blocks.0.weight|transposed';
    const tensor = decodedTensor({
      name: path,
      dtype: 'float16',
      dims: [4, 2],
      content: { kind: 'external', path, byteLength: 16 },
    });
    const entries = tensor.externalData.map(({ key, value }) => [key, value]);
    expect(Object.fromEntries(entries)).toEqual({ location: path, offset: '0', length: '16' });
    expect(tensor.dataLocation).toBe(TensorProto_DataLocation.EXTERNAL);
    expect(tensor.rawData).toHaveLength(0);
  });
});

// ---- any graph ----

const name = fc.string({ minLength: 1, maxLength: 12 });
const dtype = fc.constantFrom<Dtype>('float32', 'float16', 'int32', 'int64', 'bool');
const whole = fc.maxSafeInteger();
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  whole,
  fc.string(),
  fc.array(whole, { maxLength: 5 }),
  fc.float({ noNaN: true }).map((float) => ({ float })),
);
const anyNode: fc.Arbitrary<NodeProto> = fc.record({
  op: name,
  domain: fc.constantFrom('', 'com.microsoft'),
  name,
  inputs: fc.array(fc.oneof(name, fc.constant('')), { maxLength: 4 }),
  outputs: fc.array(name, { minLength: 1, maxLength: 3 }),
  attributes: fc.dictionary(name, attribute, { maxKeys: 4, noNullPrototype: true }),
});
const size: fc.Arbitrary<Dim> = fc.oneof(
  fc.nat({ max: 2 ** 31 }),
  fc.constantFrom(symbol('B'), times(8, symbol('H'))),
);
const value: fc.Arbitrary<ValueInfo> = fc.record({
  name,
  dtype,
  shape: fc.array(size, { maxLength: 4 }),
});
const initializer: fc.Arbitrary<Initializer> = fc.record({
  name,
  dtype,
  dims: fc.array(fc.nat({ max: 2 ** 40 }), { maxLength: 4 }),
  content: fc.oneof(
    fc.uint8Array().map((bytes) => ({ kind: 'inline' as const, bytes })),
    fc.record({
      kind: fc.constant('external' as const),
      path: name,
      byteLength: fc.maxSafeNat(),
    }),
  ),
});
const anyModel: fc.Arbitrary<ModelContent> = fc.record({
  name,
  nodes: fc.array(anyNode, { maxLength: 5 }),
  inputs: fc.array(value, { maxLength: 3 }),
  outputs: fc.array(value, { maxLength: 3 }),
  initializers: fc.array(initializer, { maxLength: 3 }),
  opsets: fc.dictionary(fc.constantFrom('', 'a', 'b'), fc.nat({ max: 99 }), {
    noNullPrototype: true,
  }),
});

describe('any graph', () => {
  test('comes back from the file as it went in', () => {
    fc.assert(
      fc.property(anyModel, (content) => {
        const model = decode(content);
        const graph = model.graph!;
        const opsets = model.opsetImport.map((set) => [set.domain, Number(set.version)]);
        expect({
          name: graph.name,
          nodes: graph.node.map((each) => ({
            op: each.opType,
            domain: each.domain,
            name: each.name,
            inputs: each.input,
            outputs: each.output,
            attributes: Object.fromEntries(each.attribute.map((a) => [a.name, attributeOf(a)])),
          })),
          inputs: graph.input.map(told),
          outputs: graph.output.map(told),
          initializers: graph.initializer.map(initializerOf),
          opsets: Object.fromEntries(opsets),
        }).toEqual({
          ...content,
          inputs: content.inputs.map(withTexts),
          outputs: content.outputs.map(withTexts),
        });
      }),
    );
  });
});

function withTexts({ shape, ...rest }: ValueInfo) {
  return { ...rest, shape: shape.map((dim) => (typeof dim === 'number' ? dim : dim.text)) };
}

function told({ name: label, type }: ValueInfoProto) {
  const { value: tensor } = type!.value as { value: { elemType: number; shape?: object } };
  const { dim } = tensor.shape as { dim: { value: { case?: string; value?: unknown } }[] };
  const shape = dim.map(({ value: each }) =>
    each.case === 'dimValue' ? Number(each.value) : each.value,
  );
  return { name: label, dtype: dtypeOf(tensor.elemType), shape };
}

function attributeOf(each: AttributeProto): Attribute {
  switch (each.type) {
    case AttributeProto_AttributeType.INT:
      return Number(each.i);
    case AttributeProto_AttributeType.INTS:
      return each.ints.map(Number);
    case AttributeProto_AttributeType.FLOAT:
      return { float: each.f };
    case AttributeProto_AttributeType.STRING:
      return new TextDecoder().decode(each.s);
    default:
      throw new Error(`attribute of type ${each.type}`);
  }
}

function initializerOf(tensor: TensorProto): Initializer {
  const external = Object.fromEntries(tensor.externalData.map((entry) => [entry.key, entry.value]));
  return {
    name: tensor.name,
    dtype: dtypeOf(tensor.dataType),
    dims: tensor.dims.map(Number),
    content:
      tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
        ? { kind: 'external', path: external['location']!, byteLength: Number(external['length']) }
        : { kind: 'inline', bytes: tensor.rawData },
  };
}

function dtypeOf(type: number): Dtype {
  return Object.entries(ONNX_DATA_TYPE).find(([, number]) => number === type)![0] as Dtype;
}
