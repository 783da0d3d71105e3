/**
 * Arithmetic of the networks of real size, against what PyTorch counts.
 *
 * The numbers are those of `torch.utils.flop_counter.FlopCounterMode` around one call of diffusers' module,
 * in units of 10^12, multiply and add as two: convolutions, matrix products, attention. All digits must agree.
 */

import { describe, expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.ts';
import { describedComponent } from '../../support/described-checkpoint.ts';
import { elementCount } from '../../../src/tensor/dtype.ts';
import { partsOf, WRITINGS } from './support.ts';

const TERA = [
  ['sd15/unet', 512, '0.8033'],
  ['sd15/unet', 768, '2.1481'],
  ['sd15/unet', 1024, '4.6740'],
  ['sd21/unet', 768, '2.1491'],
  ['sdxl/unet', 1024, '6.7612'],
  ['sd15/vae', 512, '2.5145'],
  ['sd15/vae', 768, '5.7543'],
  ['sd15/vae', 1024, '10.4704'],
] as const;

describe.each(WRITINGS)('in the $spelling spelling and $dtype', (writing) => {
  test.each(TERA)('%s at %i pixels takes %s tera', (component, pixels, expected) => {
    const [part] = partsOf(component); // of an autoencoder, the decoder
    const side = pixels / 8;
    const { flops } = graphCost(part!.write(writing), { B: 1, H: side, W: side, T: 77 });
    expect((flops / 1e12).toFixed(4)).toBe(expected);
  });

  test('cutting attention changes no count, and two pictures count twice', () => {
    for (const part of [...partsOf('sd15/unet'), ...partsOf('sd15/vae')]) {
      const flops = (batch: number, chunks: number): number => {
        const graph = part.write({ ...writing, attentionChunks: () => chunks });
        return graphCost(graph, { B: batch, H: 64, W: 64, T: 77 }).flops;
      };
      const whole = flops(1, 1);
      expect(flops(1, 8)).toBe(whole);
      expect(flops(2, 1)).toBe(2 * whole);
    }
  });

  test('weights weigh what the checkpoint holds', () => {
    const bytes = { float16: 2, float32: 4 }[writing.dtype];
    for (const component of ['sd15/unet', 'sdxl/unet']) {
      const { shapes } = describedComponent(component);
      const elements = Object.values(shapes).reduce((sum, shape) => sum + elementCount(shape), 0);
      const [part] = partsOf(component);
      const { weightBytes } = graphCost(part!.write(writing), { B: 1, H: 8, W: 8, T: 77 });
      // The WebGPU spelling keeps the scales of its group norms in float32: a few thousand numbers.
      expect(weightBytes / (elements * bytes)).toBeCloseTo(1, 3);
    }
  });
});
