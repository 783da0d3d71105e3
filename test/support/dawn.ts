/**
 * WebGPU for tests that run in Node: Dawn over SwiftShader, or over nothing.
 *
 * SwiftShader computes (in f32 only); the null backend computes nothing but compiles f16 shaders.
 */

import { installNodeWebGpu } from '../../src/runtime/gpu/node-gpu.ts';
import { softwareVulkanEnv } from './vulkan-env.ts';

/** A GPU that computes: SwiftShader where there is no better one. Throws where neither is found. */
export async function softwareGpu(): Promise<GPU> {
  const env = softwareVulkanEnv();
  // Enough where the system has a Vulkan loader of its own; else the process needs LD_LIBRARY_PATH, too.
  if (env['VK_ICD_FILENAMES'] !== undefined)
    process.env['VK_ICD_FILENAMES'] = env['VK_ICD_FILENAMES'];
  const gpu = await installNodeWebGpu();
  if ((await gpu.requestAdapter()) === null) {
    throw new Error(
      'Dawn finds no Vulkan device. Install chromium (for SwiftShader), or start the tests with ' +
        'VK_ICD_FILENAMES and LD_LIBRARY_PATH as test/support/vulkan-env.ts gives them.',
    );
  }
  return gpu;
}

/** A GPU that accepts everything, `shader-f16` too, and computes nothing. */
export function nullGpu(): Promise<GPU> {
  return installNodeWebGpu({ backend: 'null' });
}
