/**
 * WebGPU for tests that run in Node: Dawn over SwiftShader, or over nothing.
 *
 * SwiftShader computes (in f32 only); the null backend computes nothing but compiles f16 shaders.
 * vitest.config.ts puts into the environment what makes Dawn find SwiftShader.
 */

import { installNodeWebGpu } from '../../src/runtime/gpu/node-gpu.ts';

/** A GPU that computes. Throws where there is none. */
export async function softwareGpu(): Promise<GPU> {
  const gpu = await installNodeWebGpu();
  if ((await gpu.requestAdapter()) === null) {
    throw new Error(
      'Dawn finds no Vulkan device: install chromium, which brings SwiftShader, and run the tests as ' +
        '`npm run test:node-webgpu`.',
    );
  }
  return gpu;
}

/** A GPU that accepts everything, `shader-f16` too, and computes nothing. */
export function nullGpu(): Promise<GPU> {
  return installNodeWebGpu({ backend: 'null' });
}
