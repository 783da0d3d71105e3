/**
 * The weights on the GPU: every converted tensor once, shared by all graphs that name it.
 *
 * A weight is known by checkpoint, tensor, format and layout. Whoever acquires it holds a reference;
 * the last release frees it, to the byte. A load that fails or is aborted leaves nothing behind.
 * How the bytes get there is weight-upload.ts; nothing here reads or converts.
 */

import { EngineError, isEngineError } from '../../errors.ts';
import type { TensorEntry } from '../../weights/checkpoint.ts';
import { abortable } from '../../util/abortable.ts';
import {
  planWeight,
  type WeightForm,
  type WeightPlan,
  type WeightRequest,
} from './weight-request.ts';
import {
  arraysOf,
  createWeightSlot,
  reportProgress,
  type GpuWeight,
  type WeightSlot,
} from './weight-slot.ts';
import { WeightUploader } from './weight-upload.ts';

/** Sizes of a {@link GpuWeightStore}. */
export type GpuWeightStoreOptions = {
  /** Most bytes of one read. Default 16 MiB; at most half of `maxBytesInFlight` is used. */
  chunkBytes?: number;
  /** Most bytes in JavaScript and in staging buffers at once, for all loads together. Default 64 MiB. */
  maxBytesInFlight?: number;
};

/** What {@link GpuWeightStore.acquireAll} may be told. */
export type AcquireOptions = {
  signal?: AbortSignal | undefined;
  /** Bytes of the checkpoint that are on the GPU already or given to it, of all that the list names. */
  onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
};

const MIB = 2 ** 20;

/** Tensors read at once: enough to hide the latency of reading many small ones. */
const CONCURRENT_LOADS = 4;

/** All weights of one device. */
export class GpuWeightStore {
  readonly #device: GPUDevice;
  readonly #uploader: WeightUploader;
  readonly #slots = new Map<string, WeightSlot>();
  readonly #slotOf = new WeakMap<GpuWeight, WeightSlot>();
  /** Aborted when the device is lost or the store disposed; its reason says which. */
  readonly #closing = new AbortController();
  readonly #waiting: WeightSlot[] = [];
  #loading = 0;
  #residentBytes = 0;
  #tensorsResident = 0;
  #uploadedBytes = 0;

  constructor(device: GPUDevice, options: GpuWeightStoreOptions = {}) {
    const { chunkBytes = 16 * MIB, maxBytesInFlight = 64 * MIB } = options;
    this.#device = device;
    this.#uploader = new WeightUploader(device, { chunkBytes, maxBytesInFlight });
    void device.lost.then(({ reason, message }) =>
      this.#close(
        new EngineError('device-lost', `The GPU device was lost (${reason}): ${message}`, {
          detail: { reason },
        }),
      ),
    );
  }

  /** Bytes of all buffers of weights, those still being filled included. */
  get residentBytes(): number {
    return this.#residentBytes;
  }

  /** How many weights have their memory. */
  get tensorsResident(): number {
    return this.#tensorsResident;
  }

  /** Bytes of checkpoints sent to the GPU since the store was made. */
  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  /** Most bytes that were ever read or staged and not yet in their place. */
  get peakBytesInFlight(): number {
    return this.#uploader.budget.peakBytesInFlight;
  }

  /** One weight: see {@link acquireAll}. */
  async acquire(
    checkpointId: string,
    entry: TensorEntry,
    form: WeightForm,
    signal?: AbortSignal,
  ): Promise<GpuWeight> {
    const [weight] = await this.acquireAll([{ ...form, checkpointId, entry }], { signal });
    return weight as GpuWeight;
  }

  /**
   * The weights of `requests`, in their order, loading those that are not resident. Each holds a
   * reference for the caller, to be given back with {@link release}. When it rejects, nothing is held.
   * Rejects with the signal's reason, or an EngineError: `out-of-memory`, `device-lost`, `unsupported` (a weight is
   * larger than the device's limits), `model-malformed`, `weights-mismatch`.
   */
  async acquireAll(
    requests: readonly WeightRequest[],
    { signal, onProgress }: AcquireOptions = {},
  ): Promise<GpuWeight[]> {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const plans = requests.map((request) => planWeight(request, this.#device.limits));
    const slots = plans.map((plan) => this.#hold(plan));
    const isLoading = slots.some(({ isLoaded }) => !isLoaded);
    let stopReporting = () => {};
    try {
      stopReporting = reportProgress(slots, onProgress);
      await abortable(Promise.all(slots.map(({ loaded }) => loaded)), signal);
      // What is submitted can still be lost with the device. What was here before is not waited for
      // again: the queue may be busy with somebody's step.
      if (isLoading) {
        const drained = abortable(this.#uploader.budget.drain(), this.#closing.signal);
        await abortable(drained, signal);
      }
      for (const { controller } of slots) controller.signal.throwIfAborted();
      return slots.map(({ weight }) => weight);
    } catch (error) {
      for (const slot of slots) this.#letGo(slot, error);
      throw error;
    } finally {
      stopReporting();
    }
  }

  /** Gives back one reference. The last one frees the buffer. A weight that is gone already is ignored. */
  release(weight: GpuWeight): void {
    const slot = this.#slotOf.get(weight);
    if (slot !== undefined) this.#letGo(slot, abortError('The weight was released.'));
  }

  /** Frees all weights of a checkpoint, whoever holds them, and stops loading more of them. */
  releaseCheckpoint(checkpointId: string): void {
    for (const slot of this.#slots.values()) {
      if (slot.plan.request.checkpointId !== checkpointId) continue;
      this.#drop(slot, abortError(`The checkpoint "${checkpointId}" was released.`));
    }
  }

  /** Frees everything. The store cannot be used again. */
  dispose(): void {
    this.#close(abortError('The weight store was disposed.'));
  }

  #close(reason: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(reason);
    for (const slot of this.#slots.values()) this.#drop(slot, reason);
    this.#uploader.dispose();
  }

  /** The slot of the plan's key with one more reference; a new one starts loading. */
  #hold(plan: WeightPlan): WeightSlot {
    let slot = this.#slots.get(plan.key);
    if (slot === undefined) {
      slot = this.#createSlot(plan);
      this.#waiting.push(slot);
      this.#startLoads();
    }
    slot.references += 1;
    return slot;
  }

  #createSlot(plan: WeightPlan): WeightSlot {
    const slot = createWeightSlot(this.#device, plan);
    this.#slots.set(plan.key, slot);
    this.#slotOf.set(slot.weight, slot);
    // Before anything is read: a list that does not fit fails at once.
    slot.allocated.then(
      () => this.#countIn(slot),
      (error: unknown) => this.#drop(slot, this.#explain(slot, error)),
    );
    return slot;
  }

  #countIn(slot: WeightSlot): void {
    if (slot.controller.signal.aborted) return;
    slot.isResident = true;
    this.#residentBytes += slot.plan.bufferBytes;
    this.#tensorsResident += 1;
  }

  #startLoads(): void {
    while (this.#loading < CONCURRENT_LOADS) {
      const slot = this.#waiting.shift();
      if (slot === undefined) return;
      if (slot.controller.signal.aborted) continue;
      this.#loading += 1;
      void this.#load(slot).finally(() => {
        this.#loading -= 1;
        this.#startLoads();
        if (this.#loading === 0) void this.#trimWhenIdle();
      });
    }
  }

  async #load(slot: WeightSlot): Promise<void> {
    const { entry, dtype, layout } = slot.plan.request;
    const { signal } = slot.controller;
    const onBytes = (bytes: number) => {
      this.#uploadedBytes += bytes;
      slot.bytesDone += bytes;
      for (const listener of slot.listeners) listener(bytes);
    };
    try {
      await abortable(slot.allocated, signal);
      const { buffer: destination, scales } = slot.weight;
      const upload = { entry, dtype, layout, destination, scales: scales?.buffer };
      await this.#uploader.upload(upload, { signal, onBytes });
      slot.isLoaded = true;
      slot.settle();
    } catch (error) {
      if (!signal.aborted) this.#drop(slot, this.#explain(slot, error));
    }
  }

  async #trimWhenIdle(): Promise<void> {
    await this.#uploader.budget.drain();
    if (this.#loading === 0) this.#uploader.trim();
  }

  /** An error of the memory says which weight it met, and what is held. */
  #explain(slot: WeightSlot, cause: unknown): unknown {
    if (!isEngineError(cause) || cause.code !== 'out-of-memory') return cause;
    const tensor = slot.plan.request.entry.name;
    const bytes = slot.plan.bufferBytes;
    const residentBytes = this.#residentBytes - (slot.isResident ? bytes : 0);
    return new EngineError(
      'out-of-memory',
      `The GPU has no memory left for "${tensor}" of ${bytes} bytes; weights of ${residentBytes} bytes ` +
        'are loaded. Close other programs and tabs that use the GPU, or choose a smaller model.',
      { cause, detail: { tensor, bytes, residentBytes } },
    );
  }

  #letGo(slot: WeightSlot, reason: unknown): void {
    slot.references -= 1;
    if (slot.references === 0) this.#drop(slot, reason);
  }

  /** Frees the slot, loaded or not; whoever waits for it is told `reason`. */
  #drop(slot: WeightSlot, reason: unknown): void {
    if (slot.controller.signal.aborted) return;
    slot.controller.abort(reason);
    slot.settle({ error: reason });
    this.#slots.delete(slot.plan.key);
    for (const { buffer } of arraysOf(slot.weight)) buffer.destroy();
    if (!slot.isResident) return;
    slot.isResident = false;
    this.#residentBytes -= slot.plan.bufferBytes;
    this.#tensorsResident -= 1;
  }
}

function abortError(message: string): DOMException {
  return new DOMException(message, 'AbortError');
}
