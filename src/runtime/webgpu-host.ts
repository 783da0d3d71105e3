/**
 * Starts the WebGPU backend on a device of our own, and again after the device was lost.
 */

import type { Spelling } from '../graph/builder.ts';
import { elementCount, type FloatDtype } from '../tensor/dtype.ts';
import { isDeviceTensor } from './backend.ts';
import { requestGpuDevice, type GpuDevice, type GpuDeviceOptions } from './gpu/device.ts';
import { countNonFinite } from './gpu/kernels/finite.ts';
import type { OrtBuild } from './ort-builds.ts';
import { bestGpuBuild, loadOrt, type OrtOptions } from './ort.ts';
import type { DeviceBudget, Throughput, ThroughputByFormat } from './plan.ts';
import type { RuntimeHost } from './runtime.ts';
import { WebGpuBackend, type WebGpuBackendOptions } from './webgpu-backend.ts';

/** Options of {@link startWebGpuHost}. */
export type WebGpuHostOptions = OrtOptions &
  GpuDeviceOptions &
  Pick<WebGpuBackendOptions, 'validates' | 'store' | 'logSeverity'> & {
    /** The WebGPU entry point. */
    readonly gpu: GPU;
    /** Default: JSPI where the engine has it, else asyncify. */
    readonly build?: OrtBuild;
    readonly spelling: Spelling;
    readonly precision: FloatDtype;
    /** Whether the self-check found quantised weights right; default true. */
    readonly canQuantise?: boolean | undefined;
    /** As measured on this device; undefined lifts the limit on the time of a dispatch, which a renderer on the CPU has not. */
    readonly throughput?: ThroughputByFormat | undefined;
  };

/** A WebGPU host with its device. */
export type WebGpuHost = RuntimeHost & {
  readonly backend: WebGpuBackend;
  readonly gpu: GpuDevice;
  /** Threads of CPU kernels. */
  readonly threads: number;
  /** Whether the adapter offers subgroups, whatever the device was opened with. */
  readonly hasSubgroups: boolean;
};

/** Opens a device and starts the backend on it. */
export async function startWebGpuHost(options: WebGpuHostOptions): Promise<WebGpuHost> {
  // The device first: without one, the library need not be downloaded.
  const gpu = await requestGpuDevice(options.gpu, options);
  const { device } = gpu;
  const ort = await loadOrt(options.build ?? bestGpuBuild(), options).catch((error: unknown) => {
    device.destroy();
    throw error;
  });
  const backend = new WebGpuBackend(ort, gpu, options);
  return {
    gpu,
    threads: ort.threads,
    hasSubgroups: gpu.hasSubgroups,
    backend,
    canQuantise: options.canQuantise ?? true,
    // A renderer on the CPU is not reset for being slow, and would be cut into dust.
    budget: (dtype) =>
      deviceBudget(device.limits, gpu.info.isSoftware ? undefined : options.throughput?.[dtype]),
    isFiniteOnDevice: async (tensor) => {
      if (!isDeviceTensor(tensor)) return true;
      const check = { dtype: 'float32', length: elementCount(tensor.dims) } as const;
      const count = await backend.attempt(() => countNonFinite(device, tensor.buffer, check));
      return count === 0;
    },
    recover: () => startWebGpuHost(options),
  };
}

/** What a device's limits and its measured throughput allow. */
function deviceBudget(
  limits: Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'>,
  throughput: Throughput | undefined,
): DeviceBudget {
  return {
    maxBufferBytes: limits.maxBufferSize,
    maxBindingBytes: limits.maxStorageBufferBindingSize,
    hasBufferPool: true,
    throughput,
  };
}
