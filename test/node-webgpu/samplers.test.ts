/**
 * Every sampler over buffers of a GPU (computed by the CPU: Dawn over SwiftShader) against the same over the heap.
 *
 * Sums are formed in f32 there and in f64 here; 1e-4 is what is promised.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TorchGenerator } from '../../src/rng/torch-generator.ts';
import { GpuLatents } from '../../src/runtime/latents/gpu-latents.ts';
import { HostLatents } from '../../src/runtime/latents/host-latents.ts';
import type { LatentDims, Latents } from '../../src/runtime/latents/latents.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import { runSampling } from '../../src/samplers/driver.ts';
import { samplerOf, SAMPLER_NAMES } from '../../src/samplers/registry.ts';
import type { SamplingRequest } from '../../src/samplers/sampler.ts';
import { relativeError } from '../../tools/conformance/case.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const SD15 = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  solver_order: 3,
};
const DIMS: LatentDims = [2, 4, 8, 12];
const GUIDANCE = 3;
const TOLERANCE = 1e-4;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await softwareRuntime();
});
afterAll(() => runtime.dispose());

/** The final sample of a run whose network is a formula, with and without a word that guidance weighs. */
async function sampled<Buffer>(
  latents: Latents<Buffer>,
  name: string,
  request: SamplingRequest,
): Promise<Awaited<ReturnType<Latents<Buffer>['read']>>> {
  const { store } = latents;
  const filled = async (values: Float32Array<ArrayBuffer>): Promise<Buffer> => {
    const buffer = store.acquire();
    await store.write(buffer, values);
    return buffer;
  };
  try {
    const result = await runSampling(samplerOf(name).plan(SD15, request), {
      store,
      source: new TorchGenerator(1),
      noise: await filled(new TorchGenerator(2).normal(store.length)),
      picture: await filled(new TorchGenerator(3).normal(store.length)),
      evaluate: async ({ input, timestep }) => {
        const { data } = await latents.read(input);
        const words = [0.1, 0.2].map((weight) =>
          data.map((x, i) => (0.4 * x * timestep) / (timestep + 1) + weight * Math.cos(x + i)),
        );
        const buffers = [await filled(words[0]!), await filled(words[1]!)];
        const factors = [1 - GUIDANCE, GUIDANCE];
        return {
          output: buffers.map((buffer, i) => ({ buffer, coefficient: factors[i]! })),
          release: () => buffers.forEach((buffer) => store.release(buffer)),
        };
      },
    });
    return await latents.read([{ buffer: result, coefficient: 1 }]);
  } finally {
    latents.dispose();
  }
}

describe('a sampler on the GPU', () => {
  test.each(SAMPLER_NAMES)('ends where it does on the CPU: %s', async (name) => {
    for (const request of [{ steps: 5 }, { steps: 6, strength: 0.6 }]) {
      const backend = runtime.backend as WebGpuBackend;
      const computed = await sampled(new GpuLatents(backend, DIMS), name, request);
      const expected = await sampled(new HostLatents(DIMS), name, request);
      expect(expected.data.every(Number.isFinite)).toBe(true);
      expect(relativeError({ computed, expected })).toBeLessThan(TOLERANCE);
    }
  });
});
