/**
 * The golden files as they lie in the repository: readable, complete, and of the shapes they claim.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFloat32 } from '../../../src/weights/read-tensor.ts';
import { inputTensor, openFullsize } from '../../../tools/goldens/fullsize.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';

const read = (name: string) => readFile(join(import.meta.dirname, '../../goldens', name));

describe('golden files', () => {
  it.each(['parts', 'fullsize'])(
    '%s holds every array it lists, in finite numbers',
    async (stem) => {
      const golden = await openGolden(read, stem);
      expect(golden.names.length).toBeGreaterThan(20);
      for (const name of golden.names) {
        const isFloat = golden.json.arrays[name]!.dtype === 'float32';
        const { shape, data } = isFloat ? golden.float32(name) : golden.int32(name);
        expect(data).toHaveLength(shape.reduce((product, dim) => product * dim, 1));
        expect(data.every(Number.isFinite)).toBe(true);
      }
    },
  );

  it('say which array is missing or of another type', async () => {
    const golden = await openGolden(read, 'parts');
    expect(() => golden.float32('nothing')).toThrow('no array "nothing"');
    expect(() => golden.float32('tokens/0')).toThrow('is int32');
  });
});

describe('fullsize', () => {
  it('gives inputs by formula, by values, as a list, and as a number', async () => {
    const { find } = await openFullsize(read);
    const { inputs } = find('wide/xl/1x8x8');
    expect(inputTensor(inputs['timestep']!)).toEqual({ shape: [1], data: Float32Array.of(601) });
    expect(inputTensor(inputs['time_ids']!).data).toEqual(
      Float32Array.of(1024, 1024, 0, 0, 1024, 1024),
    );
    expect(inputTensor(inputs['encoder_hidden_states']!).shape).toEqual([1, 77, 2048]);
    const ids = inputTensor(find('sd15/text_encoder').inputs['input_ids']!);
    expect(ids.shape).toEqual([1, 77]);
    expect(ids.data[0]).toBe(49406);
  });

  it('has every output of every case, and weights for every component', async () => {
    const { golden, find, config, checkpoint } = await openFullsize(read);
    for (const { name, component, outputs } of golden.json.cases) {
      expect(find(name).component).toBe(component);
      expect(config(component)).toBeTypeOf('object');
      for (const output of outputs) expect(golden.names).toContain(output);
    }
    const { tensors } = await checkpoint('wide/unet');
    const values = await readFloat32(tensors.get('conv_in.bias')!);
    expect(values).toHaveLength(320);
    expect(() => find('nothing')).toThrow('no case');
  });
});
