/**
 * Every network of real size as a file: sound by the rules of the format, with each weight in its one place.
 */

import { describe, expect, test } from 'vitest';
import { describedComponent } from '../../support/described-checkpoint.ts';
import { decodeGraph, flaws } from '../../support/onnx.ts';
import { partsOf, WRITINGS, writeUNet } from './support.ts';

const COMPONENTS = [
  'sd15/text_encoder',
  'sd21/text_encoder',
  'sdxl/text_encoder_2',
  'sd15/unet',
  'lcm/unet',
  'sd21/unet',
  'sdxl/unet',
  'sd15/controlnet',
  'sd15/vae',
  'wide/unet',
  'wide/lcm',
  'wide/xl',
  'wide/vae',
];
const PARTS = COMPONENTS.flatMap((component) =>
  partsOf(component).map((part) => ({ ...part, component })),
);

describe.each(WRITINGS)('in the $spelling spelling and $dtype', (writing) => {
  test.each(PARTS)('$name is sound', ({ write, owns, component }) => {
    const module = write(writing);
    const graph = decodeGraph(module.model);
    expect(flaws(graph)).toEqual([]);

    const { shapes } = describedComponent(component);
    const expected = Object.keys(shapes).filter(owns).toSorted();
    expect(module.weights.map(({ entry }) => entry.name).toSorted()).toEqual(expected);

    const placed = writing.spelling === 'webgpu' ? graph.input : graph.initializer;
    const names = placed.map(({ name }) => name.replace(/\|.*$/, ''));
    const weights = names.filter((name) => name in shapes);
    expect(weights.toSorted()).toEqual(expected);
  });
});

describe('the WebGPU spelling', () => {
  test.each(['sd15/unet', 'lcm/unet', 'sd21/unet', 'sdxl/unet', 'wide/unet', 'wide/xl'])(
    'of %s moves no data about: no Transpose, every convolution channels-last',
    (name) => {
      const { node } = decodeGraph(writeUNet(name, WRITINGS[0]!).model);
      expect(node.filter(({ opType }) => opType === 'Transpose')).toEqual([]);
      const convolutions = node.filter(({ opType }) => opType === 'Conv');
      expect(convolutions.length).toBeGreaterThan(5);
      for (const { domain } of convolutions) expect(domain).toBe('com.ms.internal.nhwc');
    },
  );

  test('of a text encoder has no Transpose', () => {
    for (const { write } of partsOf('sd15/text_encoder')) {
      const { node } = decodeGraph(write(WRITINGS[0]!).model);
      expect(node.filter(({ opType }) => opType === 'Transpose')).toEqual([]);
    }
  });
});

describe('the portable spelling', () => {
  test.each(PARTS)('of $name uses standard operators only', ({ write }) => {
    for (const writing of WRITINGS.slice(2)) {
      const { node } = decodeGraph(write(writing).model);
      expect(new Set(node.map(({ domain }) => domain))).toEqual(new Set(['']));
    }
  });
});

describe('inputs and outputs', () => {
  test.each(PARTS)('of $name are float32 in every format', ({ write }) => {
    for (const writing of WRITINGS) {
      const { inputs, outputs } = write(writing);
      for (const { dtype } of [...inputs, ...outputs]) expect(dtype).toBe('float32');
    }
  });
});
