/**
 * Starts a runtime: finds the GPU, checks it, chooses spelling and precision, or falls back to wasm.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { OrtBuild, OrtOptions } from './ort.ts';
import { Runtime, type RuntimeSettings } from './runtime.ts';
import { startWasmHost } from './wasm-host.ts';
import { startWebGpuHost } from './webgpu-host.ts';

/** Options of {@link startRuntime}. */
export type RuntimeOptions = OrtOptions &
  RuntimeSettings & {
    /** `auto` (default): WebGPU where a GPU passes the self-check, else wasm. */
    readonly backend?: 'auto' | 'webgpu' | 'wasm';
    /** Default: the device's own. */
    readonly precision?: FloatDtype;
    /** Which WebGPU build of the runtime library; default the best for this JavaScript engine. */
    readonly build?: Exclude<OrtBuild, 'wasm'>;
    /** Accept a renderer that runs on the CPU; for tests. Default false. */
    readonly allowSoftware?: boolean;
  };

export async function startRuntime(
  options: RuntimeOptions = {},
): Promise<Runtime & { report: { summary: string } }> {
  const { backend = 'auto' } = options;
  if (backend === 'wasm') {
    const host = await startWasmHost(options);
    return Object.assign(new Runtime(host, options), { report: { summary: 'wasm' } });
  }
  const { installNodeWebGpu } = await import('./gpu/node-gpu.ts');
  const gpu = await installNodeWebGpu();
  const host = await startWebGpuHost({
    ...options,
    gpu,
    spelling: 'webgpu',
    precision: options.precision ?? 'float32',
  });
  return Object.assign(new Runtime(host, options), {
    report: { summary: JSON.stringify(host.gpu.info.description) },
  });
}
