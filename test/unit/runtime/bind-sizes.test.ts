/**
 * Sizes told from inputs, and the words for inputs that do not fit.
 */

import { describe, expect, test } from 'vitest';
import { bindSizes, type DeviceTensor, type SizedTensor } from '../../../src/runtime/backend.ts';
import { partsOf, writeUNet } from '../networks/support.ts';

const sized = (...dims: number[]): SizedTensor => ({ dims });
const onDevice = (...dims: number[]): DeviceTensor => ({
  dims,
  buffer: {} as GPUBuffer,
  dispose: () => {},
});

const inputs = {
  sample: sized(2, 4, 64, 48),
  time_proj: sized(2, 320),
  encoder_hidden_states: sized(2, 77, 768),
};

describe.each(['webgpu', 'portable'] as const)(
  'inputs of a UNet in the %s spelling',
  (spelling) => {
    const graph = writeUNet('sd15/unet', { spelling, dtype: 'float32' });

    test('tell batch, height, width and tokens', () => {
      expect(bindSizes(graph, inputs)).toEqual({ B: 2, H: 64, W: 48, T: 77 });
    });

    test('may be of any batch, size and length', () => {
      const others = {
        sample: sized(1, 4, 8, 128),
        time_proj: sized(1, 320),
        encoder_hidden_states: sized(1, 231, 768),
      };
      expect(bindSizes(graph, others)).toEqual({ B: 1, H: 8, W: 128, T: 231 });
    });

    test('on the device have the graph’s own order', () => {
      const dims = spelling === 'webgpu' ? [2, 64, 48, 4] : [2, 4, 64, 48];
      const given = { ...inputs, sample: onDevice(...dims) };
      expect(bindSizes(graph, given)).toEqual({ B: 2, H: 64, W: 48, T: 77 });
    });

    const shape = spelling === 'webgpu' ? '[B, H, W, 4]' : '[B, 4, H, W]';
    const order = (b: number, c: number, h: number, w: number): string =>
      `got [${(spelling === 'webgpu' ? [b, h, w, c] : [b, c, h, w]).join(', ')}]`;

    test.each([
      ['sample', sized(2, 9, 64, 48), `must be ${shape}`, order(2, 9, 64, 48)],
      ['sample', sized(2, 4, 60, 48), `must be ${shape} with`, order(2, 4, 60, 48)],
      ['sample', sized(2, 4, 0, 48), `must be ${shape}`, order(2, 4, 0, 48)],
      ['sample', sized(4, 64, 48), `must be ${shape}`, 'got [4, 64, 48]'],
      ['time_proj', sized(1, 320), '[B, 320] with B = 2', 'got [1, 320]'],
      ['time_proj', sized(2, 320, 1), '[B, 320]', 'got [2, 320, 1]'],
      ['encoder_hidden_states', sized(2, 77, 1024), '[B, T, 768] with', 'got [2, 77, 1024]'],
      ['encoder_hidden_states', sized(2), '[B, T, 768]', 'got [2]'],
    ] as const)('are told by name when they do not fit: %s %o', (name, tensor, wanted, got) => {
      expect(() => bindSizes(graph, { ...inputs, [name]: tensor })).toThrow(
        expect.objectContaining({
          code: 'invalid-argument',
          message: expect.stringMatching(
            new RegExp(`^unet: the input ${name} .*${escaped(wanted)}.*${escaped(got)}$`),
          ),
          detail: expect.objectContaining({ input: name }),
        }),
      );
    });

    test('are told by name when they are missing', () => {
      const { time_proj: _, ...rest } = inputs;
      expect(() => bindSizes(graph, rest)).toThrow(
        expect.objectContaining({
          code: 'invalid-argument',
          message: 'unet: the input time_proj is missing',
        }),
      );
    });
  },
);

describe('an input whose size is a multiple of another', () => {
  const [, encoder] = partsOf('sd15/vae');
  const graph = encoder!.write({ spelling: 'portable', dtype: 'float32' });

  test('tells the size it is a multiple of', () => {
    expect(bindSizes(graph, { image: sized(1, 3, 512, 768) })).toMatchObject({ H: 64, W: 96 });
  });

  test('must be a whole multiple', () => {
    expect(() => bindSizes(graph, { image: sized(1, 3, 512, 100) })).toThrow(
      'the input image must be [B, 3, 8*H, 8*W]',
    );
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[[\]*()]/g, String.raw`\$&`);
}
