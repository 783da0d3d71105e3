/**
 * Knows onnxruntime-web, and with `ort-builds.ts` alone does: takes one of its builds, makes sessions, runs them.
 *
 * The library allows one session creation and one run at a time, so everything goes through one queue
 * per build. Its messages are wrapped into {@link EngineError}s.
 */

import type * as OrtModule from 'onnxruntime-web';

import { EngineError, isEngineError } from '../errors.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import { importBuild, type LoadedBuild, type OrtBuild, type WasmPaths } from './ort-builds.ts';

/** Options of {@link loadOrt}; the first call for a build decides. */
export type OrtOptions = {
  /** Where the build's `.wasm` (and glue `.mjs`) lie, as absolute URLs; by default among the package's files. */
  readonly wasmPaths?: WasmPaths;
  /**
   * Threads of CPU kernels; default: half the logical cores, 1 without cross-origin isolation. Always 1 where the library
   * lies on another origin than the page.
   */
  readonly threads?: number;
};

/** A tensor as the library takes and gives it. */
export type OrtTensor = OrtModule.Tensor;

/** Options of {@link Ort.createSession}. */
export type SessionOptions = {
  /** Run on this GPU device; without one, on the CPU. */
  readonly gpu?: {
    readonly device: GPUDevice;
    readonly preferredLayout: 'NHWC' | 'NCHW';
    readonly validation: 'disabled' | 'basic';
  };
  /** Content of the external tensors, by path. */
  readonly external: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Prints the library's own log from this level up: 0 everything, 4 fatal errors only; default 3. */
  readonly logSeverity?: 0 | 1 | 2 | 3 | 4;
};

/** A session; release it when done. */
export type OrtSession = {
  readonly run: (feeds: Record<string, OrtTensor>) => Promise<Record<string, OrtTensor>>;
  readonly release: () => Promise<void>;
};

const loaded = new Map<OrtBuild, Promise<Ort>>();

/** Loads a build once; later calls get the same one. */
export function loadOrt(build: OrtBuild, options: OrtOptions = {}): Promise<Ort> {
  let promise = loaded.get(build);
  if (promise === undefined) {
    promise = openBuild(build, options);
    promise.catch(() => loaded.delete(build));
    loaded.set(build, promise);
  }
  return promise;
}

/**
 * Puts the CPU build under `name` of the global scope, where another library looks for a runtime that is there already. To be
 * called when that is loaded: what is given back undoes what it did to the place of our WebAssembly.
 */
export async function lendOrt(name: symbol, options: OrtOptions = {}): Promise<() => void> {
  return (await loadOrt('wasm', options)).lend(name);
}

/** The WebGPU build this JavaScript engine can run best. */
export function bestGpuBuild(): OrtBuild {
  return 'Suspending' in WebAssembly ? 'jspi' : 'asyncify';
}

async function openBuild(build: OrtBuild, options: OrtOptions): Promise<Ort> {
  try {
    return new Ort(build, await importBuild(build, options.wasmPaths), options.threads);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(
      'runtime-failed',
      `onnxruntime-web's ${build} build could not be loaded: ${reason}`,
      { cause },
    );
  }
}

function defaultThreads(): number {
  if (typeof crossOriginIsolated !== 'undefined' && !crossOriginIsolated) return 1;
  const cores = typeof navigator === 'undefined' ? 2 : (navigator.hardwareConcurrency ?? 2);
  return Math.max(1, Math.min(8, Math.ceil(cores / 2)));
}

/** One loaded build of the library. */
export class Ort {
  readonly build: OrtBuild;
  readonly #module: typeof OrtModule;
  readonly #queue = new SerialQueue();

  constructor(build: OrtBuild, { module, canUseThreads }: LoadedBuild, threads = defaultThreads()) {
    this.build = build;
    this.#module = module;
    module.env.wasm.numThreads = canUseThreads ? threads : 1;
  }

  /** Threads of CPU kernels. */
  get threads(): number {
    return this.#module.env.wasm.numThreads ?? 1;
  }

  /** See {@link lendOrt}. */
  lend(name: symbol): () => void {
    const { wasm } = this.#module.env;
    const { wasmPaths } = wasm;
    Object.defineProperty(globalThis, name, { value: this.#module, configurable: true });
    return () => {
      if (wasmPaths === undefined) delete wasm.wasmPaths;
      else wasm.wasmPaths = wasmPaths;
    };
  }

  /** A tensor over numbers in the JavaScript heap. */
  hostTensor(data: Float32Array, dims: readonly number[]): OrtTensor {
    return new this.#module.Tensor('float32', data, [...dims]);
  }

  /** A tensor over a buffer of the caller's, which keeps it. */
  gpuTensor(buffer: GPUBuffer, dtype: Dtype, dims: readonly number[]): OrtTensor {
    return this.#module.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims: [...dims] });
  }

  /** Makes a session from a model file. */
  createSession(
    model: Uint8Array,
    options: SessionOptions,
    signal?: AbortSignal,
  ): Promise<OrtSession> {
    return this.#queue.run(async () => {
      const session = await this.#guard('make a session', () =>
        this.#module.InferenceSession.create(model, this.#sessionOptions(options)),
      );
      const { gpu } = options;
      return {
        run: (feeds) =>
          this.#queue.run(() =>
            this.#guard('run', () => runWithin(gpu?.device, () => session.run(feeds))),
          ),
        release: () => this.#queue.run(() => session.release()),
      };
    }, signal);
  }

  #sessionOptions({
    gpu,
    external,
    logSeverity = 3,
  }: SessionOptions): OrtModule.InferenceSession.SessionOptions {
    const provider =
      gpu === undefined
        ? { name: 'wasm' }
        : {
            name: 'webgpu',
            device: gpu.device,
            preferredLayout: gpu.preferredLayout,
            // Of the modes that keep buffers between runs the one that keeps least: docs/decisions/memory.md.
            storageBufferCacheMode: 'bucket',
            validationMode: gpu.validation,
          };
    return {
      executionProviders: [provider],
      externalData: [...external],
      logSeverityLevel: logSeverity,
      ...(gpu === undefined ? {} : { preferredOutputLocation: 'gpu-buffer' }),
    };
  }

  async #guard<T>(what: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (cause) {
      if (isEngineError(cause)) throw cause;
      throw wrap(cause, what);
    }
  }
}

type Results = Record<string, OrtTensor>;

/** Runs a graph on a GPU under an error scope: the library itself does not notice that a buffer got no memory. */
async function runWithin(
  device: GPUDevice | undefined,
  run: () => Promise<Results>,
): Promise<Results> {
  if (device === undefined) return run();
  device.pushErrorScope('out-of-memory');
  let results: Results | undefined;
  let error: GPUError | null = null;
  try {
    results = await run();
  } finally {
    // Rejects on a lost device, which is reported by other means.
    error = await device.popErrorScope().catch(() => null);
  }
  if (error === null) return results;
  for (const tensor of Object.values(results)) tensor.dispose();
  throw new EngineError(
    'out-of-memory',
    `the GPU has no memory left for this run: ${error.message}`,
  );
}

const OUT_OF_MEMORY =
  /out of memory|memory access out of bounds|bad_alloc|failed to allocate|exceeds the max buffer size/i;

function wrap(cause: unknown, what: string): EngineError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const isMemory = cause instanceof RangeError || OUT_OF_MEMORY.test(text);
  // wasm throws bare numbers (C++ exceptions) when it cannot even form a message: nearly always its heap.
  const isBare = typeof cause === 'number';
  return new EngineError(
    isMemory || isBare ? 'out-of-memory' : 'runtime-failed',
    `onnxruntime could not ${what}: ${text.slice(0, 400)}`,
    { cause },
  );
}
