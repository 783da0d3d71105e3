/**
 * Inputs in the shapes of `wide/unet` of `fullsize.json`, for tests that look at what is done with them, not at numbers.
 */

import type { RunTensor } from '../../src/runtime/backend.ts';

/** A tensor of zeros. */
export const zeros = (...dims: number[]): RunTensor => ({
  dims,
  data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)),
});
/** One row of 8x8 latents and one prompt, all zeros. */
export const WIDE_UNET_INPUTS = {
  sample: zeros(1, 4, 8, 8),
  time_proj: zeros(1, 320),
  encoder_hidden_states: zeros(1, 77, 768),
};
