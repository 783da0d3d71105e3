/**
 * One weight's place in the store, from the first request until it is freed.
 *
 * Holds the buffer and what is known of its loading. When to load, share and free it is the store's
 * business: weight-store.ts.
 */

import type { Dtype } from '../../tensor/dtype.ts';
import { allocate, type Allocation } from './allocate.ts';
import { BUFFER_USAGE } from './flags.ts';
import type { PlannedArray, WeightPlan } from './weight-request.ts';

/** An array on the GPU. */
export type GpuArray = {
  /** Holds the elements from byte 0. Usage: storage, and copies both ways. */
  readonly buffer: GPUBuffer;
  /** Dimensions as laid out. */
  readonly dims: readonly number[];
  readonly dtype: Dtype;
  /** Bytes of the elements; the buffer may be a few bytes longer. */
  readonly byteLength: number;
};

/** A tensor on the GPU. Valid until it is released. */
export type GpuWeight = GpuArray & {
  /** Of a quantised weight, whose own array are the codes. */
  readonly scales?: GpuArray;
};

/** The arrays of a weight in the order of the graph's values. */
export function arraysOf(weight: GpuWeight): readonly GpuArray[] {
  return weight.scales === undefined ? [weight] : [weight, weight.scales];
}

/** A weight that is loaded, or on its way. */
export type WeightSlot = {
  readonly plan: WeightPlan;
  readonly weight: GpuWeight;
  /** Aborted, with the reason, when the weight is dropped. */
  readonly controller: AbortController;
  /** Resolves when the buffers have their memory. */
  readonly allocated: Promise<void>;
  /** Resolves when everything is submitted. */
  readonly loaded: Promise<void>;
  /** Settles `loaded`: well, or with an error. */
  readonly settle: (failure?: { error: unknown }) => void;
  references: number;
  /** Whether its bytes count as resident: its memory is there. */
  isResident: boolean;
  /** Whether everything is submitted. */
  isLoaded: boolean;
  /** The mark of the patch that the buffer holds, empty for the tensor as it is; undefined while it is written. */
  holds: string | undefined;
  /** Bytes of the checkpoint that were given to the GPU, and who is told of more. */
  bytesDone: number;
  readonly listeners: Set<(bytes: number) => void>;
};

/** Takes memory for a weight. Nothing is loaded yet, and nobody holds it. */
export function createWeightSlot(device: GPUDevice, plan: WeightPlan): WeightSlot {
  const label = `weights/${plan.request.entry.name}`;
  const [first, second] = plan.arrays;
  const main = allocateArray(device, first, label);
  const scales = second && allocateArray(device, second, `${label}/scales`);
  const allocated = Promise.all([main.ready, scales?.ready]).then(() => undefined);
  let settle: WeightSlot['settle'] = () => {};
  const loaded = new Promise<void>((resolve, reject) => {
    settle = (failure) => {
      if (failure === undefined) resolve();
      else reject(failure.error);
    };
  });
  // Both may fail before, or after, anybody waits.
  loaded.catch(() => {});
  allocated.catch(() => {});
  return {
    plan,
    weight: { ...main.array, ...(scales === undefined ? {} : { scales: scales.array }) },
    controller: new AbortController(),
    allocated,
    loaded,
    settle,
    references: 0,
    isResident: false,
    isLoaded: false,
    holds: undefined,
    bytesDone: 0,
    listeners: new Set(),
  };
}

function allocateArray(
  device: GPUDevice,
  { dims, dtype, byteLength, bufferBytes }: PlannedArray,
  label: string,
): { readonly array: GpuArray; readonly ready: Allocation['ready'] } {
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const usage = STORAGE | COPY_SRC | COPY_DST;
  const { buffer, ready } = allocate(device, { label, size: bufferBytes, usage });
  return { array: { buffer, dims, dtype, byteLength }, ready };
}

/** Tells `onProgress` the sum over `slots`, now and on every change, until the result is called. */
export function reportProgress(
  slots: readonly WeightSlot[],
  onProgress: ((bytesDone: number, bytesTotal: number) => void) | undefined,
): () => void {
  if (onProgress === undefined) return () => {};
  const bytesTotal = slots.reduce((sum, { plan }) => sum + plan.request.entry.byteLength, 0);
  let sum = slots.reduce((done, { bytesDone }) => done + bytesDone, 0);
  const removals = slots.map(({ listeners }) => {
    const listener = (bytes: number) => onProgress((sum += bytes), bytesTotal);
    listeners.add(listener);
    return () => listeners.delete(listener);
  });
  onProgress(sum, bytesTotal);
  return () => removals.forEach((remove) => remove());
}
