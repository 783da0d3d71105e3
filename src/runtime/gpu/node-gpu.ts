/**
 * WebGPU for Node, through Dawn's Node binding (the optional npm package `webgpu`).
 *
 * Browsers never load this file. It puts the package's classes and `navigator.gpu` where the engine
 * and onnxruntime-web look for them, and mends the one place where the binding is stricter than a
 * browser. It does not choose an adapter: see device.ts.
 */

import { EngineError } from '../../errors.ts';

/** What {@link installNodeWebGpu} may be told. */
export type NodeWebGpuOptions = {
  /**
   * Dawn backend. Default: the platform's own. `null` computes nothing, but accepts `shader-f16`, and
   * so serves tests of placement and of shader compilation.
   */
  backend?: 'vulkan' | 'null' | undefined;
};

/** What the package `webgpu` exports. Its own typings would load a second copy of the DOM's. */
type WebGpuPackage = {
  create: (options: string[]) => GPU;
  globals: Record<string, unknown>;
};

/** Every GPU ever made: Dawn crashes when the object of an instance that still has devices is collected. */
const installed = new Map<string, Promise<GPU>>();

/**
 * Makes `navigator.gpu` and the WebGPU classes exist in Node, and returns the GPU. Repeated calls return the same
 * object; a call with another backend makes that one `navigator.gpu`. Throws `webgpu-unavailable` where
 * the package `webgpu` is not installed or has no binary for this platform.
 */
export async function installNodeWebGpu(options: NodeWebGpuOptions = {}): Promise<GPU> {
  const key = options.backend ?? 'default';
  let pending = installed.get(key);
  if (pending === undefined) {
    pending = createGpu(options);
    installed.set(key, pending);
    pending.catch(() => installed.delete(key));
  }
  const gpu = await pending;
  await exposeOnNavigator(gpu);
  return gpu;
}

async function createGpu(options: NodeWebGpuOptions): Promise<GPU> {
  const { create, globals } = await importPackage();
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
  }
  acceptSharedMemoryInWriteBuffer();
  return create(options.backend === undefined ? [] : [`backend=${options.backend}`]);
}

async function importPackage(): Promise<WebGpuPackage> {
  // A variable, so that no bundler follows it and its typings stay out.
  const packageName: string = 'webgpu';
  try {
    return (await import(/* @vite-ignore */ packageName)) as WebGpuPackage;
  } catch (cause) {
    throw new EngineError(
      'webgpu-unavailable',
      'WebGPU in Node needs the optional package "webgpu": run `npm install webgpu`, or use the wasm backend.',
      { cause },
    );
  }
}

async function exposeOnNavigator(gpu: GPU): Promise<void> {
  if (typeof navigator === 'undefined') {
    const { availableParallelism } = await import('node:os');
    // onnxruntime-web sizes its thread pool by `hardwareConcurrency` once a navigator exists.
    const value = {
      userAgent: `Node.js/${process.versions.node}`,
      hardwareConcurrency: availableParallelism(),
    };
    Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
  }
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
}

type WriteBuffer = (
  this: GPUQueue,
  buffer: GPUBuffer,
  bufferOffset: number,
  data: AllowSharedBufferSource,
  dataOffset?: number,
  size?: number,
) => void;

/** Marks a `writeBuffer` that {@link acceptSharedMemoryInWriteBuffer} has replaced. */
const ACCEPTS_SHARED = Symbol.for('local-diffusion.writeBuffer.acceptsShared');

/**
 * Browsers take views of a SharedArrayBuffer in `writeBuffer`, Dawn's Node binding throws "Invalid
 * argument"; the heap of onnxruntime's wasm is always shared. Only the part to be written is copied.
 */
function acceptSharedMemoryInWriteBuffer(): void {
  const prototype = GPUQueue.prototype as { writeBuffer: WriteBuffer; [ACCEPTS_SHARED]?: true };
  if (prototype[ACCEPTS_SHARED]) return;
  const original = prototype.writeBuffer;
  prototype.writeBuffer = function (buffer, bufferOffset, data, dataOffset, size) {
    if (isShared(data)) {
      original.call(this, buffer, bufferOffset, privateCopy(data, dataOffset ?? 0, size));
    } else if (dataOffset === undefined) {
      original.call(this, buffer, bufferOffset, data);
    } else {
      original.call(this, buffer, bufferOffset, data, dataOffset, size);
    }
  };
  prototype[ACCEPTS_SHARED] = true;
}

function isShared(data: AllowSharedBufferSource): boolean {
  const memory = ArrayBuffer.isView(data) ? data.buffer : data;
  return typeof SharedArrayBuffer !== 'undefined' && memory instanceof SharedArrayBuffer;
}

/** As in `writeBuffer`, `offset` and `size` count elements of a typed array, else bytes. */
function privateCopy(
  data: AllowSharedBufferSource,
  offset: number,
  size: number | undefined,
): Uint8Array<ArrayBuffer> {
  const isView = ArrayBuffer.isView(data);
  const unit = isView && 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1;
  const start = offset * unit;
  const length = size === undefined ? data.byteLength - start : size * unit;
  const memory = isView ? data.buffer : data;
  const view = new Uint8Array(memory, (isView ? data.byteOffset : 0) + start, length);
  return Uint8Array.from(view);
}
