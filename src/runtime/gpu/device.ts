/**
 * Choosing a GPU and opening a device on it.
 *
 * The engine makes its own device, because a runtime's would come with default limits and with
 * features that are known to compute wrong. A software renderer is refused: it is slower than wasm.
 * An adapter serves one device, so recovering from a lost device starts here again.
 */

import { EngineError } from '../../errors.ts';

/** What {@link requestGpuDevice} may be told. */
export type GpuDeviceOptions = {
  /** Accept a renderer that runs on the CPU (SwiftShader and the like). For tests. Default false. */
  allowSoftware?: boolean;
  /** Features to switch on where the adapter has them. */
  features?: {
    /** `shader-f16`: half-precision arithmetic. Default true. */
    f16?: boolean;
    /**
     * `subgroups`. Default false: onnxruntime's attention is wrong with subgroups smaller than 8,
     * and only a self-check on this very device can say that it is right.
     */
    subgroups?: boolean;
    /** `timestamp-query`: how long a pass took. Default true. */
    timestampQuery?: boolean;
  };
  /** `highest`: all the adapter has (default). `default`: what WebGPU guarantees everywhere, for tests. */
  limits?: 'highest' | 'default';
  /** Which GPU of a machine that has two. Default `high-performance`. */
  powerPreference?: GPUPowerPreference;
};

/** What a device is and can do, as plain data. */
export type GpuDeviceInfo = {
  /** Empty strings where the browser does not say. */
  vendor: string;
  architecture: string;
  description: string;
  /** Whether the renderer runs on the CPU. */
  isSoftware: boolean;
  /** Features switched on, sorted. */
  features: string[];
  /** All limits of the device. */
  limits: Record<string, number>;
  /** Smallest and largest subgroup; absent where the browser does not say. */
  subgroupMinSize?: number;
  subgroupMaxSize?: number;
};

/** An error that no error scope caught, as plain data. */
export type UncapturedGpuError = {
  kind: 'validation' | 'out-of-memory' | 'internal';
  message: string;
};

/** A device of our own, with what is known about it. */
export type GpuDevice = {
  readonly device: GPUDevice;
  readonly info: GpuDeviceInfo;
  /** Whether the adapter offers `subgroups`, switched on or not. */
  readonly hasSubgroups: boolean;
  /** Resolves when the device is lost or destroyed. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  /** The latest errors that no scope caught, oldest first, at most {@link KEPT_ERRORS}. */
  readonly uncapturedErrors: readonly UncapturedGpuError[];
};

/** How many uncaptured errors are kept: one mistake can repeat on every dispatch. */
export const KEPT_ERRORS = 32;

/** The limits to raise from WebGPU's defaults to the adapter's, each with its reason. */
const RAISED_LIMITS: readonly (keyof GPUSupportedLimits & string)[] = [
  // A weight or an activation is one buffer: the default, 256 MiB, is one f32 VAE activation at 512x512.
  'maxBufferSize',
  // ... and is bound whole: the default, 128 MiB, is less than CLIP's token embedding in f32.
  'maxStorageBufferBindingSize',
  // Tiles of matrix products and attention: the default is 16 KiB.
  'maxComputeWorkgroupStorageSize',
  // Fused kernels and long linear combinations bind more than the default 8 buffers.
  'maxStorageBuffersPerShaderStage',
  // Larger workgroups for reductions: the default is 256 invocations.
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  // One-dimensional kernels over large activations.
  'maxComputeWorkgroupsPerDimension',
];

/**
 * Renderers that run on the CPU, by any text of the adapter's info. Chrome reports SwiftShader as
 * vendor "google", architecture "swiftshader"; Mesa's is llvmpipe (lavapipe), Windows' is WARP, alias
 * "Microsoft Basic Render Driver". Dawn's null backend computes nothing at all.
 */
const SOFTWARE_RENDERER =
  /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|null-backend/i;

const HOW_TO_ENABLE =
  'Use a current Chrome or Edge (or Safari 26, Firefox 141 on Windows), switch on "Use graphics acceleration ' +
  'when available" in its settings (System), update the graphics driver, and see chrome://gpu for the reason. ' +
  'Without a GPU, use the wasm backend.';

/** Opens a device on the best adapter of `gpu`. Throws `webgpu-unavailable` where there is none. */
export async function requestGpuDevice(
  gpu: GPU | undefined,
  options: GpuDeviceOptions = {},
): Promise<GpuDevice> {
  if (gpu === undefined) {
    throw new EngineError('webgpu-unavailable', `This browser has no WebGPU. ${HOW_TO_ENABLE}`);
  }
  const adapter = await requestAdapter(gpu, options);
  const isSoftware = isSoftwareAdapter(adapter);
  if (isSoftware && options.allowSoftware !== true) {
    const renderer = describeAdapter(adapter) || 'unnamed';
    throw new EngineError(
      'webgpu-unavailable',
      `WebGPU only offers a software renderer (${renderer}), which is slower than wasm. ${HOW_TO_ENABLE}`,
      { detail: { renderer } },
    );
  }
  const device = await openDevice(adapter, options);
  shimAdapterInfo(device, adapter);
  return {
    device,
    info: describeDevice(device, adapter, isSoftware),
    hasSubgroups: adapter.features.has('subgroups'),
    lost: device.lost,
    uncapturedErrors: collectUncapturedErrors(device),
  };
}

/** A device's loss as an error for a person: what the browser says of it, and what mostly lies behind it. */
export function deviceLost({
  reason,
  message,
}: Pick<GPUDeviceLostInfo, 'reason' | 'message'>): EngineError {
  return new EngineError(
    'device-lost',
    `the GPU was lost (${reason}${message === '' ? '' : `: ${message}`}). Its driver was reset, or the browser ended its own ` +
      'GPU process, which it mostly does for want of memory. Close other programs and tabs that use the GPU, choose a ' +
      'smaller model or a smaller picture, or tell the engine that it may use less memory.',
    { detail: { reason, message } },
  );
}

async function requestAdapter(gpu: GPU, options: GpuDeviceOptions): Promise<GPUAdapter> {
  const powerPreference = options.powerPreference ?? 'high-performance';
  let adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null && options.allowSoftware === true) {
    adapter = await gpu.requestAdapter({ forceFallbackAdapter: true });
  }
  if (adapter === null) {
    throw new EngineError(
      'webgpu-unavailable',
      `WebGPU found no GPU on this machine. ${HOW_TO_ENABLE}`,
    );
  }
  return adapter;
}

async function openDevice(adapter: GPUAdapter, options: GpuDeviceOptions): Promise<GPUDevice> {
  const { f16 = true, subgroups = false, timestampQuery = true } = options.features ?? {};
  const wanted: [GPUFeatureName, boolean][] = [
    ['shader-f16', f16],
    ['subgroups', subgroups],
    ['timestamp-query', timestampQuery],
  ];
  const requiredFeatures = wanted
    .filter(([name, isWanted]) => isWanted && adapter.features.has(name))
    .map(([name]) => name);
  const requiredLimits: Record<string, number> = {};
  if (options.limits !== 'default') {
    for (const name of RAISED_LIMITS) {
      // A limit that an older browser does not know would make the whole request fail.
      const value = (adapter.limits as unknown as Record<string, unknown>)[name];
      if (typeof value === 'number') requiredLimits[name] = value;
    }
  }
  try {
    return await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (cause) {
    throw new EngineError(
      'webgpu-unavailable',
      `The GPU (${describeAdapter(adapter) || 'unnamed'}) refused to open a device. ${HOW_TO_ENABLE}`,
      { cause },
    );
  }
}

/** `adapter.info` is missing in Safari 26.0; older Chromes have no `isFallbackAdapter` in it. */
function infoOf(adapter: GPUAdapter): Partial<GPUAdapterInfo> {
  return (adapter as { info?: GPUAdapterInfo }).info ?? {};
}

function describeAdapter(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = infoOf(adapter);
  return [vendor, architecture, device, description].filter((text) => text).join(' ');
}

function isSoftwareAdapter(adapter: GPUAdapter): boolean {
  const isFallback =
    infoOf(adapter).isFallbackAdapter ??
    (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  return isFallback === true || SOFTWARE_RENDERER.test(describeAdapter(adapter));
}

/**
 * onnxruntime reads `device.adapterInfo` without asking whether it is there; Safari 26.0 lacks it
 * (https://bugs.webkit.org/show_bug.cgi?id=301878).
 */
function shimAdapterInfo(device: GPUDevice, adapter: GPUAdapter): void {
  if ((device as { adapterInfo?: GPUAdapterInfo }).adapterInfo !== undefined) return;
  const value = { vendor: '', architecture: '', device: '', description: '', ...infoOf(adapter) };
  Object.defineProperty(device, 'adapterInfo', { value, configurable: true });
}

function describeDevice(
  device: GPUDevice,
  adapter: GPUAdapter,
  isSoftware: boolean,
): GpuDeviceInfo {
  const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = infoOf(adapter);
  const limits: Record<string, number> = {};
  // The limits are getters of the prototype, so that only for-in finds them.
  for (const name in device.limits) {
    const value = (device.limits as unknown as Record<string, unknown>)[name];
    if (typeof value === 'number') limits[name] = value;
  }
  return {
    vendor: vendor ?? '',
    architecture: architecture ?? '',
    description: description ?? '',
    isSoftware,
    features: [...device.features].sort(),
    limits,
    ...(subgroupMinSize === undefined ? {} : { subgroupMinSize }),
    ...(subgroupMaxSize === undefined ? {} : { subgroupMaxSize }),
  };
}

function collectUncapturedErrors(device: GPUDevice): readonly UncapturedGpuError[] {
  const errors: UncapturedGpuError[] = [];
  device.addEventListener('uncapturederror', (event) => {
    const { error } = event;
    const kind =
      error instanceof GPUOutOfMemoryError
        ? 'out-of-memory'
        : error instanceof GPUValidationError
          ? 'validation'
          : 'internal';
    errors.push({ kind, message: error.message });
    if (errors.length > KEPT_ERRORS) errors.shift();
  });
  return errors;
}
