/**
 * Exported files taken apart: where weights lie, and what is no such file.
 */

import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { openOnnxFile, type OnnxFile } from '../../../src/weights/onnx/onnx-file.ts';
import { decodeModel } from '../../support/onnx.ts';
import { B, H, node, onnxBytes, stored, toyUNet } from '../../support/exported-models.ts';

const VALUES = Float32Array.from({ length: 32 }, (_, i) => i / 2);
const BYTES = new Uint8Array(VALUES.buffer);

type Tensor = MessageInitShape<typeof TensorProtoSchema>;

/** A file that adds the tensor `w` to its input. */
function fileWith(tensor: Tensor): Uint8Array {
  const model = decodeModel(
    onnxBytes({
      nodes: [node('Add', ['x', 'w'], 'y')],
      inputs: [['x', 'float32', [B, 32]]],
      outputs: [['y', 'float32', [B, 32]]],
    }),
  );
  model.graph!.initializer.push(
    create(TensorProtoSchema, { name: 'w', dims: [32n], dataType: 1, ...tensor }),
  );
  return toBinary(ModelProtoSchema, model);
}

function external(entries: Record<string, string>): Tensor {
  return {
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  };
}

function open(bytes: Uint8Array, beside: Record<string, Uint8Array> = {}): Promise<OnnxFile> {
  return openOnnxFile('toy', bufferSource(bytes, 'model.onnx'), {
    beside: (location) =>
      beside[location] === undefined
        ? Promise.reject(new Error(`nothing is at ${location}`))
        : Promise.resolve(bufferSource(beside[location], location)),
  });
}

/** The numbers of the weight `w`. */
async function weight({ checkpoint }: OnnxFile): Promise<number[]> {
  const { source, byteOffset, byteLength } = checkpoint.tensors.get('w')!;
  const bytes = await source.read(byteOffset, byteOffset + byteLength);
  return [...new Float32Array(bytes.buffer)];
}

describe('a weight', () => {
  const behind = new Uint8Array([...new Uint8Array(7), ...BYTES, 1, 2, 3]);

  test.each<[string, Uint8Array, Record<string, Uint8Array>]>([
    ['in the file as bytes', fileWith({ rawData: BYTES }), {}],
    ['in the file as a list of floats', fileWith({ floatData: [...VALUES] }), {}],
    [
      'in a file beside it',
      fileWith(external({ location: 'model.onnx_data', offset: '7', length: '128' })),
      { 'model.onnx_data': behind },
    ],
    [
      'in a file beside it, from the start',
      fileWith(external({ location: './weights.pb' })),
      { 'weights.pb': BYTES },
    ],
  ])('%s is found without being read', async (_, bytes, beside) => {
    const file = await open(bytes, beside);
    expect([...file.checkpoint.tensors.keys()]).toEqual(['w']);
    expect(await weight(file)).toEqual([...VALUES]);
    // Its bytes are in none of what is copied into graphs.
    expect(file.body.length).toBeLessThan(100);
  });

  test('of another format or of few numbers stays in the graph, with its numbers', async () => {
    const codes = new Uint8Array(32).fill(200);
    const quantised = external({ location: 'codes' });
    const file = await open(fileWith({ ...quantised, dataType: TensorProto_DataType.UINT8 }), {
      codes,
    });
    expect(file.checkpoint.tensors.size).toBe(0);
    expect(file.body.join().includes(codes.join())).toBe(true);
    const few = await open(fileWith({ dims: [2n], floatData: [1, 2] }));
    expect(few.checkpoint.tensors.size).toBe(0);
  });

  test('that is listed as an input, too, is no input', async () => {
    const model = decodeModel(fileWith({ rawData: BYTES }));
    model.graph!.input.push({ ...model.graph!.input[0]!, name: 'w' });
    const file = await open(toBinary(ModelProtoSchema, model));
    expect(file.inputs).toEqual([{ name: 'x', type: 1, dims: ['batch', 32] }]);
  });
});

describe('a file', () => {
  test('tells its inputs, outputs and nodes', async () => {
    const { inputs, outputs, nodes } = await open(toyUNet({ sample: [B, 4, H, 64] }));
    expect(inputs).toEqual([
      { name: 'sample', type: 1, dims: ['batch', 4, 'height', 64] },
      { name: 'timestep', type: 7, dims: [1] },
      { name: 'encoder_hidden_states', type: 1, dims: ['batch', 'sequence', 3] },
    ]);
    expect(outputs).toEqual([{ name: 'out_sample', type: 1, dims: ['batch', 4, 'height', 64] }]);
    expect(nodes[0]).toEqual({ op: 'Conv', inputs: ['sample', 'kernel'], outputs: ['doubled'] });
  });

  test('of a megabyte, whose weights lie between its nodes, is read in pieces', async () => {
    const many = Array.from({ length: 6000 }, (_, i) =>
      node(
        'Add',
        [i === 0 ? 'x' : `a long name for a value ${i}`, 'w'],
        `a long name for a value ${i + 1}`,
      ),
    );
    const bytes = onnxBytes({
      nodes: many,
      inputs: [['x', 'float32', [B, 32]]],
      outputs: [[`a long name for a value ${many.length}`, 'float32', [B, 32]]],
      initializers: [stored('w', [32], [...VALUES]), stored('one', [1], [1])],
    });
    const file = await open(bytes);
    expect(file.nodes).toHaveLength(many.length);
    expect(file.nodes.at(-1)?.inputs).toEqual(['a long name for a value 5999', 'w']);
    expect(await weight(file)).toEqual([...VALUES]);
  });

  const pageOfAnError = new TextEncoder().encode('<!doctype html><title>Not found</title>');
  const cut = fileWith({ rawData: BYTES });
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /has no graph/],
    ['a web page', pageOfAnError, /model\.onnx is no ONNX file/],
    ['a file that was cut', cut.subarray(0, cut.length - 60), /model\.onnx is no ONNX file/],
    [
      'a file whose weights lie elsewhere',
      fileWith(external({ location: '../../secrets' })),
      /the tensor w should lie in a file beside the ONNX file, not in "\.\.\/\.\.\/secrets"/,
    ],
    [
      'a file whose weights lie at an address',
      fileWith(external({ location: 'https://example.com/w' })),
      /not in "https:/,
    ],
    [
      'a file beside which too little lies',
      fileWith(external({ location: 'short', offset: '64' })),
      /the tensor w should have 128 bytes from byte 64 of short, which has 128 bytes/,
    ],
    [
      'a tensor with too few bytes',
      fileWith({ rawData: BYTES.subarray(4) }),
      /the tensor w should/,
    ],
  ])('that is %s is refused', async (_, bytes, message) => {
    await expect(open(bytes, { short: BYTES })).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringMatching(message) as string,
    });
  });
});
