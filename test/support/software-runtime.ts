/**
 * The engine's runtime on SwiftShader in Node, in the spelling and the format that the GPU tests hold against goldens.
 */

import type { Runtime, RuntimeSettings } from '../../src/runtime/runtime.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { softwareGpu } from './dawn.ts';

/** Starts one; the caller disposes it. */
export async function softwareRuntime(settings: RuntimeSettings = {}): Promise<Runtime> {
  const { runtime } = await startRuntime({
    ...settings,
    backend: 'webgpu',
    gpu: await softwareGpu(),
    allowSoftware: true,
    setting: { spelling: 'webgpu', precision: 'float32' },
  });
  return runtime;
}
