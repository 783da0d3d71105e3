/**
 * What options and the habits of publishers change in a graph.
 */

import { describe, expect, test } from 'vitest';
import type { GraphModule } from '../../../src/graph/builder.ts';
import type { ClipOutput } from '../../../src/networks/clip-text.ts';
import { describedComponent, type Shapes } from '../../support/described-checkpoint.ts';
import { decodeGraph, flaws } from '../../support/onnx.ts';
import { partsOf, PLAIN, WRITINGS, writeText, writeUNet } from './support.ts';

/** Shapes of a graph's weights, in order. */
function shapesOf({ weights }: GraphModule): (readonly number[])[] {
  return weights.flatMap(({ values }) => values.map(({ shape }) => shape));
}

function renamed(shapes: Shapes, rename: (name: string) => string): Shapes {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [rename(name), shape]));
}

const hidden = (layer: number, normed = false): ClipOutput => ({
  kind: 'hidden',
  name: 'state',
  layer,
  normed,
});

describe('ControlNets', () => {
  // One residual for conv_in, each residual block and each downsampling, and one for the middle.
  test.each([
    ['sd15/unet', 1 + 4 * 2 + 3 + 1],
    ['sdxl/unet', 1 + 3 * 2 + 2 + 1],
    ['wide/unet', 1 + 2 * 1 + 1 + 1],
  ])('each add %s as many inputs as it has places for residuals: %i', (name, count) => {
    const without = writeUNet(name, PLAIN).inputs.map((input) => input.name);
    for (const controlNets of [1, 2]) {
      const { inputs, model } = writeUNet(name, { ...PLAIN, controlNets });
      expect(flaws(decodeGraph(model))).toEqual([]);
      const added = inputs.filter((input) => !without.includes(input.name));
      expect(added).toHaveLength(controlNets * count);
      for (let n = 0; n < controlNets; n++) {
        const own = added.filter((input) => input.name.startsWith(`control_${n}_`));
        expect(own.map((input) => input.name)).toEqual([
          ...Array.from({ length: count - 1 }, (_, i) => `control_${n}_down_${i}`),
          `control_${n}_mid`,
        ]);
      }
    }
  });

  test('give what a UNet takes: names and shapes agree', () => {
    const [net] = partsOf('sd15/controlnet');
    for (const writing of WRITINGS) {
      const given = net!.write(writing).outputs;
      const taken = writeUNet('sd15/unet', { ...writing, controlNets: 1 }).inputs;
      const told = (port: { name: string; shape: readonly unknown[] }): string =>
        `${port.name.replace('control_0_', '')} [${port.shape.map(String).join()}]`;
      const residuals = taken.filter(({ name }) => name.startsWith('control_'));
      expect(given.map(told)).toEqual(residuals.map(told));
    }
  });
});

describe('sizes', () => {
  test('that halve evenly need no cropping; ragged ones do', () => {
    const crops = (isRagged: boolean): number =>
      decodeGraph(writeUNet('sd15/unet', { ...PLAIN, isRagged }).model).node.filter(
        ({ opType }) => opType === 'Slice',
      ).length;
    expect(crops(false)).toBe(0);
    expect(crops(true)).toBe(3);
  });
});

describe('cutting attention', () => {
  test.each(WRITINGS)('keeps a $spelling graph in $dtype sound', (writing) => {
    for (const part of [...partsOf('wide/unet'), ...partsOf('wide/vae')]) {
      const module = part.write({ ...writing, attentionChunks: () => 4 });
      expect(flaws(decodeGraph(module.model))).toEqual([]);
      expect(module.nodes.some(({ op }) => op === 'Split')).toBe(true);
      expect(module.hash).not.toBe(part.write(writing).hash);
    }
  });
});

describe('the layers of a text encoder', () => {
  test('behind the last one asked for are left out, weights and all', () => {
    const layersOf = (output: ClipOutput): Set<string> => {
      const { weights } = writeText('sd15/text_encoder', [output]);
      const layers = weights.flatMap(
        ({ name }) => /encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? [],
      );
      return new Set(layers);
    };
    expect(layersOf(hidden(-1)).size).toBe(12);
    expect([...layersOf(hidden(-2, true))].map(Number)).toEqual([...Array(11).keys()]);
    expect(layersOf(hidden(-4)).size).toBe(9);
    expect(layersOf(hidden(3)).size).toBe(3);
    expect(layersOf(hidden(0)).size).toBe(0);
  });

  test('are followed by the last norm only where that is asked for', () => {
    const norms = (output: ClipOutput): number =>
      writeText('sd15/text_encoder', [output]).weights.filter(({ name }) =>
        name.startsWith('final_layer_norm'),
      ).length;
    expect(norms(hidden(-2))).toBe(0);
    expect(norms(hidden(-2, true))).toBe(2);
    expect(norms({ kind: 'pooled', name: 'pooled', projected: false })).toBe(2);
  });

  test.each([13, -14, 1.5, NaN])('number %s is refused', (layer) => {
    expect(() => writeText('sd15/text_encoder', [hidden(layer)])).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining('from -13 to 12'),
      }),
    );
  });
});

describe('pooled outputs of a text encoder', () => {
  test('share one mask, projected or not', () => {
    const module = writeText('sdxl/text_encoder_2', [
      { kind: 'pooled', name: 'text_embeds', projected: true },
      { kind: 'pooled', name: 'pooler_output', projected: false },
    ]);
    expect(flaws(decodeGraph(module.model))).toEqual([]);
    expect(module.inputs.map(({ name }) => name)).toEqual(['embeddings', 'pool_mask']);
    expect(module.weights.map(({ name }) => name)).toContain('text_projection.weight|transposed');
  });
});

describe('names that differ by publisher', () => {
  test.each([
    ['sd15/text_encoder', (name: string) => `text_model.${name}`],
    ['sd21/text_encoder', (name: string) => `text_model.${name}`],
    ['sdxl/text_encoder_2', (name: string) => name.replace(/^text_model\./, '')],
  ])('%s loads with and without the prefix text_model', (component, rename) => {
    const shapes = renamed(describedComponent(component).shapes, rename);
    const outputs = [hidden(-2), { kind: 'pooled', name: 'pooled', projected: false } as const];
    const usual = writeText(component, outputs);
    const other = writeText(component, outputs, PLAIN, shapes);
    expect(other.weights.map(({ entry }) => entry.name).toSorted()).toEqual(
      usual.weights.map(({ entry }) => rename(entry.name)).toSorted(),
    );
  });

  test('text encoders of old files have position_ids, which nothing needs', () => {
    const { shapes } = describedComponent('sd15/text_encoder');
    const old = { ...shapes, 'embeddings.position_ids': [1, 77] };
    expect(() => writeText('sd15/text_encoder', [hidden(-1)], PLAIN, old)).not.toThrow();
  });

  const OLD_ATTENTION: readonly (readonly [string, string])[] = [
    ['.to_q.', '.query.'],
    ['.to_k.', '.key.'],
    ['.to_v.', '.value.'],
    ['.to_out.0.', '.proj_attn.'],
  ];
  const oldAttention = (name: string): string =>
    OLD_ATTENTION.reduce((result, [now, then]) => result.replace(now, then), name);

  test.each(partsOf('sd15/vae'))(
    'the attention of $name may be called query, key, value',
    (part) => {
      const { shapes } = describedComponent('sd15/vae');
      const old = renamed(shapes, oldAttention);
      for (const writing of WRITINGS) {
        const module = part.write(writing, old);
        const names = module.weights.map(({ entry }) => entry.name);
        expect(names.toSorted()).toEqual(Object.keys(old).filter(part.owns).toSorted());
        expect(names.some((name) => name.endsWith('.proj_attn.weight'))).toBe(true);
        expect(module.nodes).toHaveLength(part.write(writing).nodes.length);
      }
    },
  );

  test.each(partsOf('sd15/vae'))('the attention of $name may be 1x1 convolutions', (part) => {
    const { shapes } = describedComponent('sd15/vae');
    const convolutions = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        oldAttention(name),
        name.includes('attentions') && shape.length === 2 ? [...shape, 1, 1] : shape,
      ]),
    );
    expect(convolutions['decoder.mid_block.attentions.0.query.weight']).toEqual([512, 512, 1, 1]);
    for (const writing of WRITINGS) {
      const usual = part.write(writing);
      const module = part.write(writing, convolutions);
      expect(module.nodes.map(({ op }) => op)).toEqual(usual.nodes.map(({ op }) => op));
      expect(shapesOf(module)).toEqual(shapesOf(usual));
    }
  });

  test('1x1 convolutions may be matrices, and projections 1x1 convolutions', () => {
    const { shapes } = describedComponent('wide/unet');
    const flat = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        shape.length === 4 && shape[2] === 1 ? shape.slice(0, 2) : shape,
      ]),
    );
    const count = Object.keys(flat).filter((name) => flat[name]!.length !== shapes[name]!.length);
    expect(count.length).toBeGreaterThan(10);
    for (const writing of WRITINGS) {
      const { model } = writeUNet('wide/unet', writing, flat);
      expect(flaws(decodeGraph(model))).toEqual([]);
    }
  });
});
