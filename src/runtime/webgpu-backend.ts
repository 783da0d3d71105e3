/**
 * The backend on a GPU: onnxruntime's WebGPU provider on a device of our own.
 *
 * Weights belong to the weight store and are bound as graph inputs, so that every graph over a checkpoint
 * shares one copy of them. A session is cheap beside them; the least used are released.
 */

import { isEngineError, type EngineError } from '../errors.ts';
import type { GraphModule, Spelling, WeightValue } from '../graph/builder.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import { toChannelsFirst, toChannelsLast, type HostTensor } from '../tensor/host-tensor.ts';
import { laidOut } from '../weights/lay-out.ts';
import {
  bindSizes,
  isChannelsLast,
  isDeviceTensor,
  type Backend,
  type PreparedGraph,
  type PrepareOptions,
  type RunOptions,
  type RunTensor,
} from './backend.ts';
import { deviceLost, type GpuDevice } from './gpu/device.ts';
import { trackGpuMemory, type GpuLedger } from './gpu/ledger.ts';
import { arraysOf, type GpuWeight } from './gpu/weight-slot.ts';
import { GpuWeightStore, type GpuWeightStoreOptions } from './gpu/weight-store.ts';
import type { Ort, OrtSession, OrtTensor } from './ort.ts';

/** Sessions kept for reuse. */
const MAX_SESSIONS = 24;

/** Options of a {@link WebGpuBackend}. */
export type WebGpuBackendOptions = {
  readonly spelling: Spelling;
  readonly precision: FloatDtype;
  /** Checks every call; default false. */
  readonly validates?: boolean;
  readonly store?: GpuWeightStoreOptions;
  /** Prints the library's own log from this level up: 0 everything, 4 fatal errors only; default 3. */
  readonly logSeverity?: 0 | 1 | 2 | 3 | 4;
};

type Cached = {
  readonly prepared: PreparedGraph;
  readonly session: OrtSession;
  readonly weights: readonly GpuWeight[];
};

/** See the file's header. */
export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu';
  readonly spelling: Spelling;
  readonly precision: FloatDtype;
  /** The device, for kernels of our own over the tensors that graphs leave on it. */
  readonly gpu: GpuDevice;
  /** Counts all memory of the device, the runtime library's too. */
  readonly ledger: GpuLedger;
  /** The weights on the device. */
  readonly store: GpuWeightStore;
  readonly #ort: Ort;
  readonly #options: WebGpuBackendOptions;
  readonly #cache = new Map<string, Cached>();
  #lost: EngineError | undefined;
  /** The library keeps buffers for reuse, those that got no memory too. */
  #isBroken = false;
  /** Rejects when the device is lost. */
  readonly #loss: Promise<never>;

  constructor(ort: Ort, gpu: GpuDevice, options: WebGpuBackendOptions) {
    this.#ort = ort;
    this.gpu = gpu;
    this.ledger = trackGpuMemory(gpu.device);
    this.#options = options;
    this.spelling = options.spelling;
    this.precision = options.precision;
    this.store = new GpuWeightStore(gpu.device, options.store);
    this.#loss = gpu.lost.then((info) => {
      this.#lost = deviceLost(info);
      throw this.#lost;
    });
    this.#loss.catch(() => undefined);
  }

  /** Whether the device is there and no run has failed for want of memory. */
  get isUsable(): boolean {
    return this.#lost === undefined && !this.#isBroken;
  }

  /** Bytes of weights on the GPU. */
  get residentBytes(): number {
    return this.store.residentBytes;
  }

  /** Bytes of weights sent to the GPU since the start. */
  get uploadedBytes(): number {
    return this.store.uploadedBytes;
  }

  /** The graph with its session and weights; equal graphs share both. */
  async prepare(graph: GraphModule, options: PrepareOptions = {}): Promise<PreparedGraph> {
    const known = this.#cache.get(graph.hash);
    if (known !== undefined) {
      this.#cache.delete(graph.hash);
      this.#cache.set(graph.hash, known);
      await this.#guard(() => this.store.refresh(known.weights, options));
      return known.prepared;
    }
    return this.#guard(async () => {
      while (this.#cache.size >= MAX_SESSIONS) await this.#evict();
      const bound = graph.weights.filter(({ placement }) => placement === 'input');
      const requests = bound.map(({ entry, dtype, layout }) => ({
        checkpointId: graph.checkpointId,
        entry,
        dtype,
        layout,
      }));
      const weights = await this.store.acquireAll(requests, options);
      try {
        const session = await this.#createSession(graph, options.signal);
        const fixed = Object.fromEntries(
          bound.flatMap(({ values }, i) =>
            arraysOf(weights[i] as GpuWeight).map((array, j) => {
              const { name, dtype, shape } = values[j] as WeightValue;
              return [name, this.#ort.gpuTensor(array.buffer, dtype, shape)] as const;
            }),
          ),
        );
        const prepared: PreparedGraph = {
          graph,
          run: (inputs, runOptions) =>
            this.#guard(() => this.#run(graph, session, fixed, inputs, runOptions)),
        };
        this.#cache.set(graph.hash, { prepared, session, weights });
        return prepared;
      } catch (error) {
        for (const weight of weights) this.store.release(weight);
        throw error;
      }
    });
  }

  /** See {@link Backend.setPatches}. Of weights that are bound as inputs, as the `webgpu` spelling has them. */
  get setPatches(): Backend['setPatches'] {
    if (this.spelling !== 'webgpu') return undefined;
    return (checkpointId, patches) => this.store.setPatches(checkpointId, patches);
  }

  /** Releases the checkpoint's sessions and frees its weights. */
  async releaseCheckpoint(checkpointId: string): Promise<void> {
    for (const [hash, cached] of this.#cache) {
      if (cached.prepared.graph.checkpointId === checkpointId) await this.#drop(hash, cached);
    }
    this.store.releaseCheckpoint(checkpointId);
    await this.#reclaim();
  }

  /** Releases everything and destroys the device. */
  async dispose(): Promise<void> {
    for (const [hash, cached] of this.#cache) await this.#drop(hash, cached).catch(() => undefined);
    this.store.dispose();
    this.gpu.device.destroy();
  }

  async #createSession(graph: GraphModule, signal: AbortSignal | undefined): Promise<OrtSession> {
    const stored = graph.weights.filter(({ placement }) => placement === 'initializer');
    const external: { path: string; data: Uint8Array }[] = [];
    for (const { entry, dtype, layout, values } of stored) {
      const arrays = await laidOut(entry, { dtype, layout, signal });
      external.push(...arrays.map((data, i) => ({ path: (values[i] as WeightValue).name, data })));
    }
    const { logSeverity, validates = false } = this.#options;
    return this.#ort.createSession(
      graph.model,
      {
        gpu: {
          device: this.gpu.device,
          preferredLayout: graph.spelling === 'webgpu' ? 'NHWC' : 'NCHW',
          validation: validates ? 'basic' : 'disabled',
        },
        external,
        ...(logSeverity === undefined ? {} : { logSeverity }),
      },
      signal,
    );
  }

  async #run(
    graph: GraphModule,
    session: OrtSession,
    weights: Readonly<Record<string, OrtTensor>>,
    inputs: Readonly<Record<string, RunTensor>>,
    { keepOnDevice = [], signal }: RunOptions = {},
  ): Promise<Record<string, RunTensor>> {
    signal?.throwIfAborted();
    bindSizes(graph, inputs);
    const feeds: Record<string, OrtTensor> = { ...weights };
    for (const port of graph.inputs) {
      const tensor = inputs[port.name] as RunTensor;
      if (isDeviceTensor(tensor)) {
        feeds[port.name] = this.#ort.gpuTensor(tensor.buffer, 'float32', tensor.dims);
      } else {
        const { data, dims } = isChannelsLast(graph, port) ? toChannelsLast(tensor) : tensor;
        feeds[port.name] = this.#ort.hostTensor(data, dims);
      }
    }
    const results = await session.run(feeds).catch((error: unknown) => {
      this.#isBroken ||= isEngineError(error) && error.code === 'out-of-memory';
      throw error;
    });
    const outputs: Record<string, RunTensor> = {};
    for (const port of graph.outputs) {
      const tensor = results[port.name] as OrtTensor;
      if (keepOnDevice.includes(port.name)) {
        outputs[port.name] = {
          dims: [...tensor.dims],
          buffer: tensor.gpuBuffer,
          dispose: () => tensor.dispose(),
        };
      } else {
        const data = (await tensor.getData(true)) as Float32Array<ArrayBuffer>;
        const host: HostTensor = { dims: [...tensor.dims], data };
        outputs[port.name] = isChannelsLast(graph, port) ? toChannelsFirst(host) : host;
      }
    }
    return outputs;
  }

  async #evict(): Promise<void> {
    for (const [hash, cached] of this.#cache) return this.#drop(hash, cached);
  }

  async #drop(hash: string, { session, weights }: Cached): Promise<void> {
    this.#cache.delete(hash);
    for (const weight of weights) this.store.release(weight);
    if (this.#lost === undefined) await session.release();
  }

  /**
   * Resolves when the memory of what was freed can be taken again. Dawn gives it back once work that was submitted afterwards
   * is done, be it none; what comes in its place would have to lie beside it otherwise.
   */
  async #reclaim(): Promise<void> {
    if (this.#lost !== undefined) return;
    const { queue } = this.gpu.device;
    await this.#guard(async () => {
      queue.submit([]);
      await queue.onSubmittedWorkDone();
    });
  }

  /** What a task of ours on the device gives. Whatever fails as the device goes fails as `device-lost`. */
  async attempt<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      // A failing call can be the first to notice; the loss itself is reported a moment later.
      await Promise.race([
        this.#loss.catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 50)),
      ]);
      throw this.#lost ?? error;
    }
  }

  /** The same for what may never end on a device that is gone. */
  async #guard<T>(task: () => Promise<T>): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    return this.attempt(() => {
      const running = task();
      running.catch(() => undefined);
      return Promise.race([running, this.#loss]);
    });
  }
}
