/**
 * The weights on the GPU: every converted tensor once, shared by all graphs that name it.
 *
 * A weight is known by checkpoint, tensor, format and layout. Whoever acquires it holds a reference;
 * the last release frees it, to the byte. A load that fails or is aborted leaves nothing behind.
 * A checkpoint may be given patches: its buffers stay, and are written anew where they hold something else, before they are
 * next used. How the bytes get there is weight-upload.ts; nothing here reads or converts.
 */

import { EngineError, isEngineError } from '../../errors.ts';
import type { TensorEntry } from '../../weights/checkpoint.ts';
import type { TensorPatch, WeightPatches } from '../../weights/lora/tensor-patch.ts';
import { abortable } from '../../util/abortable.ts';
import { SerialQueue } from '../../util/serial-queue.ts';
import { deviceLost } from './device.ts';
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

/** Tensors written anew at once: one is read while another one is computed. What changes them is in memory meanwhile. */
const CONCURRENT_REWRITES = 2;

/** All weights of one device. */
export class GpuWeightStore {
  readonly #device: GPUDevice;
  readonly #uploader: WeightUploader;
  readonly #slots = new Map<string, WeightSlot>();
  readonly #slotOf = new WeakMap<GpuWeight, WeightSlot>();
  /** Aborted when the device is lost or the store disposed; its reason says which. */
  readonly #closing = new AbortController();
  readonly #waiting: WeightSlot[] = [];
  /** What is wanted of checkpoints, whether they are here or not. */
  readonly #patches = new Map<string, WeightPatches>();
  readonly #rewriting = new SerialQueue();
  #loading = 0;
  #residentBytes = 0;
  #tensorsResident = 0;

  constructor(device: GPUDevice, options: GpuWeightStoreOptions = {}) {
    const { chunkBytes = 16 * MIB, maxBytesInFlight = 64 * MIB } = options;
    this.#device = device;
    this.#uploader = new WeightUploader(device, { chunkBytes, maxBytesInFlight });
    void device.lost.then((info) => this.#close(deviceLost(info)));
  }

  /** Bytes of all buffers of weights, those still being filled included. */
  get residentBytes(): number {
    return this.#residentBytes;
  }

  /** How many weights have their memory. */
  get tensorsResident(): number {
    return this.#tensorsResident;
  }

  /** Bytes sent to the GPU since the store was made: of checkpoints, and of what changes them. */
  get uploadedBytes(): number {
    return this.#uploader.sentBytes;
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
      await this.#rewrite(slots, { signal });
      return slots.map(({ weight }) => weight);
    } catch (error) {
      for (const slot of slots) this.#letGo(slot, error);
      throw error;
    } finally {
      stopReporting();
    }
  }

  /**
   * Says what a checkpoint's tensors are to be from now on; all others are as the file has them. Nothing is written yet:
   * {@link acquireAll} and {@link refresh} see to it, so that no failure leaves some of it behind unnoticed.
   */
  setPatches(checkpointId: string, patches: WeightPatches): void {
    if (patches.size === 0) this.#patches.delete(checkpointId);
    else this.#patches.set(checkpointId, patches);
  }

  /**
   * Makes weights that are held what {@link setPatches} says, from the checkpoint's own bytes; those that are touch nothing.
   * Rejects as {@link acquireAll}: the weights are still held then, and the next call makes good what this one has not.
   */
  async refresh(weights: readonly GpuWeight[], options: AcquireOptions = {}): Promise<void> {
    const slots = weights.map((weight) => this.#slotOf.get(weight));
    await this.#rewrite(
      slots.filter((slot) => slot !== undefined),
      options,
    );
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
    const { signal } = slot.controller;
    try {
      await abortable(slot.allocated, signal);
      await this.#fill(slot, signal);
      slot.isLoaded = true;
      slot.settle();
    } catch (error) {
      if (!signal.aborted) this.#drop(slot, this.#explain(slot, error));
    }
  }

  /** Writes the slot's buffer, as it is wanted at this time. */
  async #fill(slot: WeightSlot, signal: AbortSignal): Promise<void> {
    const { entry, dtype, layout } = slot.plan.request;
    const patch = this.#wanted(slot);
    const onBytes = (bytes: number) => {
      slot.bytesDone += bytes;
      for (const listener of slot.listeners) listener(bytes);
    };
    slot.holds = undefined;
    const { buffer: destination, scales } = slot.weight;
    const upload = { entry, dtype, layout, destination, scales: scales?.buffer };
    await this.#uploader.upload(upload, { signal, onBytes, patch });
    slot.holds = patch?.mark ?? '';
  }

  #wanted({ plan: { request } }: WeightSlot): TensorPatch | undefined {
    return this.#patches.get(request.checkpointId)?.get(request.entry.name);
  }

  /** Writes those of loaded slots anew that do not hold what is wanted, one such list at a time. */
  async #rewrite(
    slots: readonly WeightSlot[],
    { signal, onProgress }: AcquireOptions,
  ): Promise<void> {
    const isStale = (slot: WeightSlot): boolean => slot.holds !== (this.#wanted(slot)?.mark ?? '');
    if (!slots.some(isStale)) return;
    await this.#rewriting.run(async () => {
      const stale = slots.filter(isStale);
      for (const slot of stale) slot.bytesDone = 0;
      const stopReporting = reportProgress(stale, onProgress);
      const stopped = new AbortController();
      const signals = signal === undefined ? [stopped.signal] : [stopped.signal, signal];
      const queue = [...stale];
      const work = async (): Promise<void> => {
        for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
          await this.#fill(slot, AbortSignal.any([...signals, slot.controller.signal]));
        }
      };
      try {
        await Promise.all(Array.from({ length: CONCURRENT_REWRITES }, work));
        const drained = abortable(this.#uploader.budget.drain(), this.#closing.signal);
        await abortable(drained, signal);
      } finally {
        // What failed stops what is on its way beside it: nothing is written once the caller knows.
        stopped.abort();
        stopReporting();
        if (this.#loading === 0) void this.#trimWhenIdle();
      }
    }, signal);
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
