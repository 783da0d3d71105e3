/**
 * Sinusoids against diffusers' formulas in NumPy, in float32 at every step as PyTorch computes them:
 *
 *     f = np.float32
 *     def timesteps(t, width, flip, shift):                      # get_timestep_embedding
 *         half = width // 2
 *         exponent = f(-np.log(10000)) * np.arange(half, dtype=f) / f(half - shift)
 *         angle = f(t) * np.exp(exponent)
 *         s, c = np.sin(angle), np.cos(angle)
 *         return np.concatenate([c, s] if flip else [s, c])
 *     def guidance(w, width):                                    # get_guidance_scale_embedding
 *         half = width // 2
 *         angle = f((w - 1) * 1000) * np.exp(np.arange(half, dtype=f) * f(-np.log(10000) / (half - 1)))
 *         return np.concatenate([np.sin(angle), np.cos(angle)])
 *     [float(f"{timesteps(601, 320, True, 0)[i]:.7f}") for i in [0, 1, 40, 159, 160, 161, 200, 319]]
 */

import { describe, expect, test } from 'vitest';
import { guidanceEmbedding, sinusoid } from '../../../src/networks/sinusoid.ts';
import { parseUNetConfig } from '../../../src/networks/unet-config.ts';
import { addedConditions, timeProjection } from '../../../src/networks/unet-inputs.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';
import { describedComponent } from '../../support/described-checkpoint.ts';

const STABLE_DIFFUSION = { flipSinToCos: true, freqShift: 0 };

/** Largest distance of numbers from their float32 reference: see the tests for why so much. */
function distance(values: Float32Array, indices: readonly number[], expected: readonly number[]) {
  return Math.max(...indices.map((index, i) => Math.abs(values[index]! - expected[i]!)));
}

describe('a timestep', () => {
  // One step of float32 in a frequency just below 1, times the timestep: 999 * 6e-8.
  const tolerance = 1e-4;
  const indices = [0, 1, 40, 159, 160, 161, 200, 319];

  test.each([
    [0, [1, 1, 1, 1, 0, 0, 0, 0]],
    [1, [0.5403023, 0.5865037, 0.9950042, 1, 0.841471, 0.8099465, 0.0998334, 0.0001059]],
    [21, [-0.5477293, 0.5605708, -0.504846, 0.9999975, 0.8366556, 0.8281065, 0.8632094, 0.0022244]],
    [
      601,
      [-0.5769529, -0.3174889, -0.9172267, 0.9979743, -0.8167774, 0.948262, -0.3983656, 0.0636182],
    ],
    [
      999,
      [0.9996499, 0.8026775, 0.8074551, 0.9944063, -0.0264608, 0.5964133, -0.5899291, 0.1056221],
    ],
  ])('of %i is what diffusers makes of it', (timestep, expected) => {
    const values = sinusoid([timestep], 320, STABLE_DIFFUSION);
    expect(distance(values, indices, expected)).toBeLessThan(tolerance);
  });

  test('has sines first, and other frequencies, where the config says so', () => {
    const values = sinusoid([601], 32, { flipSinToCos: false, freqShift: 1 });
    const expected = [
      -0.8167774, -0.9961261, -0.9579063, 0.0600638, -0.5769529, 0.087936, -0.2870811, 0.9981945,
    ];
    expect(distance(values, [0, 1, 8, 15, 16, 17, 24, 31], expected)).toBeLessThan(tolerance);
  });

  test('stands in its row of a batch', () => {
    const both = timeProjection(parseUNetConfig(describedComponent('sd15/unet').config), [21, 601]);
    expect(both.dims).toEqual([2, 320]);
    expect(both.data.subarray(320)).toEqual(sinusoid([601], 320, STABLE_DIFFUSION));
  });

  test('needs an even width', () => {
    expect(() => sinusoid([1], 3, STABLE_DIFFUSION)).toThrow('must be even, got 3');
  });
});

describe('a guidance scale', () => {
  // As above; the angle goes up to 6500, whose own step in float32 adds as much again.
  const tolerance = 1e-3;

  test.each([
    [1, [0, 0, 0, 0, 1, 1, 1, 1]],
    [
      1.5,
      [-0.4677718, 0.0666987, -0.994005, 0.0499792, -0.8838493, 0.9977732, 0.1093343, 0.9987503],
    ],
    [
      7.5,
      [-0.0447847, 0.7628611, -0.1460792, 0.6051863, -0.9989967, 0.6465625, 0.9892729, 0.7960839],
    ],
  ])('of %f is what the LCM pipeline makes of it', (scale, expected) => {
    const values = guidanceEmbedding([scale], 256);
    const indices = [0, 1, 64, 127, 128, 129, 192, 255];
    expect(distance(values, indices, expected)).toBeLessThan(tolerance);
  });
});

describe('the added conditions of SDXL', () => {
  const xl = parseUNetConfig(describedComponent('sdxl/unet').config);
  const text = hostTensor(
    Float32Array.from({ length: 2 * 1280 }, (_, i) => i),
    [2, 1280],
  );
  const sizes = [1024, 768, 0, 0, 1024, 768, 512, 512, 8, 16, 1024, 1024];

  test('are the text and the waves of six sizes, for each picture', () => {
    const { dims, data } = addedConditions(xl, text, sizes);
    expect(dims).toEqual([2, 2816]);
    const second = data.subarray(2816);
    expect(second.subarray(0, 1280)).toEqual(text.data.subarray(1280));
    for (const [i, size] of sizes.slice(6).entries()) {
      const at = 1280 + 256 * i;
      expect(second.subarray(at, at + 256)).toEqual(sinusoid([size], 256, STABLE_DIFFUSION));
    }
    const expected = [
      0.9873536, -0.5376172, -0.6857076, 0.9939517, -0.1585334, -0.843189, -0.7278771, 0.1098179,
    ];
    const first = data.subarray(1280, 1536);
    expect(distance(first, [0, 1, 64, 127, 128, 129, 192, 255], expected)).toBeLessThan(1e-4);
  });

  test('are refused where they do not fit', () => {
    const sd15 = parseUNetConfig(describedComponent('sd15/unet').config);
    expect(() => addedConditions(sd15, text, sizes)).toThrow('takes no added conditions');
    expect(() => addedConditions(xl, text, sizes.slice(6))).toThrow('6 time_ids for each');
    expect(() => addedConditions(xl, hostTensor(new Float32Array(4), [1, 4]), [])).toThrow(
      'got [1, 4] and 0',
    );
  });
});
