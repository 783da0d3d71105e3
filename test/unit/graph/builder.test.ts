/**
 * What a graph builder keeps in order: constants, weights, names of outputs, identity.
 */

import { describe, expect, test } from 'vitest';
import { GraphBuilder, OPSETS, type GraphBuilderOptions } from '../../../src/graph/builder.ts';
import { symbol } from '../../../src/graph/dim.ts';
import { describedCheckpoint } from '../../support/described-checkpoint.ts';
import { decodeGraph, decodeModel, flaws } from '../../support/onnx.ts';

const B = symbol('B');
const { tensors } = describedCheckpoint({ matrix: [3, 5], vector: [5], kernel: [3, 5, 1, 1] });
const matrix = tensors.get('matrix')!;
const vector = tensors.get('vector')!;

function builder(options: Partial<GraphBuilderOptions> = {}): GraphBuilder {
  return new GraphBuilder({ name: 'test', spelling: 'webgpu', dtype: 'float16', ...options });
}

/** y = x + vector, in the checkpoint `id`. */
function sum(options: Partial<GraphBuilderOptions> = {}, id = 'a', entry = vector) {
  const g = builder(options);
  const x = g.input('x', 'float16', [B, 5], 'plain');
  g.output('y', g.node('Add', [x, g.weight(entry)], 'float16', [B, 5]), 'plain');
  return g.finish(id);
}

describe('constants', () => {
  test('are stored once when dtype, shape and content agree', () => {
    const g = builder();
    expect(g.ints([1, 2])).toBe(g.ints([1, 2]));
    expect(g.floats([1, 2], [2])).toBe(g.floats([1, 2], [2]));
    expect(g.floats([1, 2], [2])).not.toBe(g.floats([1, 2], [1, 2]));
    expect(g.floats([1, 2], [2])).not.toBe(g.floats([1, 2], [2], 'float32'));
    expect(g.floats([1, 2], [2])).not.toBe(g.floats([1, 3], [2]));
    const x = g.node('Add', [g.floats([1, 2], [2]), g.floats([1, 2], [2])], 'float16', [2]);
    g.output('y', g.node('Reshape', [x, g.ints([1, 2])], 'float16', [1, 2]), 'plain');
    const names = decodeGraph(g.finish('a').model).initializer.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(5);
  });

  test('hold 64-bit integers and halves', () => {
    const g = builder();
    g.output('y', g.node('Op', [g.ints([-1]), g.floats([1.5], [1])], 'float16', [1]), 'plain');
    const [int, half] = decodeGraph(g.finish('a').model).initializer;
    expect(new BigInt64Array(int!.rawData.slice().buffer)).toEqual(BigInt64Array.of(-1n));
    expect(new Uint16Array(half!.rawData.slice().buffer)).toEqual(Uint16Array.of(0x3e00));
  });
});

describe('outputs', () => {
  test('give their name to the value they name, wherever it is read', () => {
    const g = builder();
    const x = g.input('x', 'float32', [B], 'plain');
    const a = g.node('Relu', [x], 'float32', [B]);
    g.output('first', a, 'plain');
    g.output('second', g.node('Tanh', [a], 'float32', [B]), 'plain');
    const module = g.finish('a');
    const graph = decodeGraph(module.model);
    expect(flaws(graph)).toEqual([]);
    expect(graph.node.map(({ input, output }) => [input, output])).toEqual([
      [['x'], ['first']],
      [['first'], ['second']],
    ]);
    expect(module.nodes.map(({ results }) => results[0]!.name)).toEqual(['first', 'second']);
    expect(module.outputs.map(({ name }) => name)).toEqual(['first', 'second']);
  });

  test.each(['an input', 'a weight', 'a constant'])('can be %s, by a copy', (what) => {
    const g = builder();
    const x = g.input('x', 'float16', [5], 'plain');
    const values = {
      'an input': x,
      'a weight': g.weight(vector),
      'a constant': g.floats([1], [1]),
    };
    g.output('y', values[what as keyof typeof values], 'plain');
    g.output('z', g.node('Relu', [x], 'float16', [5]), 'plain');
    const graph = decodeGraph(g.finish('a').model);
    expect(graph.node.map(({ opType }) => opType)).toEqual(['Identity', 'Relu']);
    expect(graph.node[0]!.output).toEqual(['y']);
  });

  test('can name one value twice, by a copy', () => {
    const g = builder();
    const x = g.input('x', 'float32', [B], 'plain');
    const a = g.node('Relu', [x], 'float32', [B]);
    for (const name of ['first', 'second', 'third']) g.output(name, a, 'plain');
    const graph = decodeGraph(g.finish('a').model);
    expect(flaws(graph)).toEqual([]);
    expect(graph.node.map(({ opType, input }) => [opType, input])).toEqual([
      ['Relu', ['x']],
      ['Identity', ['first']],
      ['Identity', ['first']],
    ]);
    expect(graph.output.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
  });

  test('may be single results of a node with several', () => {
    const g = builder();
    const x = g.input('x', 'float32', [B, 4], 'plain');
    const half = { dtype: 'float32', shape: [B, 2] } as const;
    const [, right] = g.nodes('Split', [x], [half, half]);
    g.output('right', right!, 'plain');
    const graph = decodeGraph(g.finish('a').model);
    expect(graph.node[0]!.output).toEqual(['Split_0.0', 'right']);
  });

  test('are needed', () => {
    expect(() => builder().finish('a')).toThrow('has no output');
  });
});

describe('weights', () => {
  test('enter as inputs for WebGPU, apart from those a run supplies', () => {
    const module = sum();
    const graph = decodeGraph(module.model);
    expect(graph.input.map(({ name }) => name)).toEqual(['x', 'vector']);
    expect(graph.initializer).toEqual([]);
    expect(module.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(module.weights).toMatchObject([
      {
        name: 'vector',
        placement: 'input',
        layout: 'stored',
        dtype: 'float16',
        values: [{ name: 'vector', dtype: 'float16', shape: [5] }],
      },
    ]);
  });

  test('are external initializers in the portable spelling', () => {
    const module = sum({ spelling: 'portable' });
    const graph = decodeGraph(module.model);
    expect(graph.input.map(({ name }) => name)).toEqual(['x']);
    expect(graph.initializer.map(({ name, dims }) => [name, dims])).toEqual([['vector', [5n]]]);
    expect(graph.initializer[0]!.externalData).toContainEqual(
      expect.objectContaining({ key: 'length', value: '10' }),
    );
  });

  test('go where they are told to', () => {
    const g = builder({ placeWeight: ({ name }) => (name === 'vector' ? 'initializer' : 'input') });
    g.output('y', g.node('Op', [g.weight(vector), g.weight(matrix)], 'float16', [1]), 'plain');
    const graph = decodeGraph(g.finish('a').model);
    expect(graph.input.map(({ name }) => name)).toEqual(['matrix']);
    expect(graph.initializer.map(({ name }) => name)).toEqual(['vector']);
  });

  test('are one value for each layout and format', () => {
    const g = builder();
    const turned = g.weight(matrix, { layout: 'transposed' });
    expect(turned).toMatchObject({ name: 'matrix|transposed', shape: [5, 3], dtype: 'float16' });
    expect(g.weight(matrix, { layout: 'transposed' })).toBe(turned);
    expect(g.weight(matrix)).toMatchObject({ name: 'matrix', shape: [3, 5] });
    expect(g.weight(matrix, { dtype: 'float32' })).toMatchObject({
      name: 'matrix|float32',
      dtype: 'float32',
    });
    const kernel = g.weight(tensors.get('kernel')!, { layout: 'transposed' });
    expect(kernel.shape).toEqual([5, 3]);
  });
});

describe('the hash', () => {
  test('is equal for equal graphs over one checkpoint', () => {
    expect(sum().hash).toBe(sum().hash);
    expect(sum().hash).toMatch(/^[0-9a-f]{16}$/);
  });

  test('differs by checkpoint, by placement, by format and by content', () => {
    const other = describedCheckpoint({ other: [5] }).tensors.get('other')!;
    const hashes = [
      sum(),
      sum({}, 'b'),
      sum({ placeWeight: () => 'initializer' }),
      sum({ dtype: 'float32' }),
      sum({ name: 'another' }),
      sum({}, 'a', other),
    ].map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('operator sets', () => {
  test('are those in use', () => {
    const opsets = (domain: string): [string, number][] => {
      const g = builder();
      const x = g.input('x', 'float32', [B], 'plain');
      g.output('y', g.node('Op', [x], 'float32', [B], { domain }), 'plain');
      const { opsetImport } = decodeModel(g.finish('a').model);
      return opsetImport.map((set) => [set.domain, Number(set.version)]);
    };
    expect(opsets('')).toEqual([['', OPSETS['']]]);
    expect(opsets('com.microsoft')).toEqual([
      ['', OPSETS['']],
      ['com.microsoft', OPSETS['com.microsoft']],
    ]);
  });
});
