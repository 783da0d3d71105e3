/**
 * What a graph asks of the weight store, checked before any memory is taken for it.
 */

import { EngineError } from '../../errors.ts';
import { BYTES_PER_ELEMENT, elementCount, type FloatDtype } from '../../tensor/dtype.ts';
import type { TensorEntry } from '../../weights/checkpoint.ts';
import { laidOutArrays, type LaidOutArray, type WeightLayout } from '../../weights/layout.ts';

/** How a graph wants a tensor. */
export type WeightForm = {
  /** Format of the floats on the GPU: of the elements, or of the scales. */
  dtype: FloatDtype;
  layout: WeightLayout;
};

/** One tensor of a checkpoint, in the form a graph wants. */
export type WeightRequest = WeightForm & {
  /** Tells the checkpoint apart from all others: tensors of equal names are shared within it. */
  checkpointId: string;
  entry: TensorEntry;
};

/** A request that can be served, and the sizes of what serves it. */
export type WeightPlan = {
  request: WeightRequest;
  /** The same for all requests that may share a buffer. */
  key: string;
  /** One array, or codes and scales. */
  arrays: readonly [PlannedArray, ...PlannedArray[]];
  /** Bytes of all buffers. */
  bufferBytes: number;
};

/** One buffer to be: bytes of the elements, and of the buffer that holds them. */
export type PlannedArray = LaidOutArray & {
  readonly byteLength: number;
  readonly bufferBytes: number;
};

/** Buffers are multiples of this: whole words for every kernel, vectors of four floats. */
const BUFFER_ALIGNMENT = 16;

/** Checks a request against its tensor and the device. Takes nothing. */
export function planWeight(request: WeightRequest, limits: GPUSupportedLimits): WeightPlan {
  const { checkpointId, entry, dtype, layout } = request;
  const count = elementCount(entry.shape);
  if (entry.byteLength !== count * BYTES_PER_ELEMENT[entry.dtype]) {
    throw new EngineError(
      'model-malformed',
      `"${entry.name}" has ${entry.byteLength} bytes, but [${entry.shape.join(', ')}] of ` +
        `${entry.dtype} takes ${count * BYTES_PER_ELEMENT[entry.dtype]}.`,
    );
  }
  const [first, ...others] = arraysOf(request);
  const arrays: WeightPlan['arrays'] = [planArray(first), ...others.map(planArray)];
  for (const { bufferBytes } of arrays) checkLimits(entry, bufferBytes, limits);
  return {
    request,
    key: JSON.stringify([checkpointId, entry.name, dtype, layout]),
    arrays,
    bufferBytes: arrays.reduce((sum, { bufferBytes }) => sum + bufferBytes, 0),
  };
}

function planArray(array: LaidOutArray): PlannedArray {
  const byteLength = elementCount(array.dims) * BYTES_PER_ELEMENT[array.dtype];
  const bufferBytes = Math.max(1, Math.ceil(byteLength / BUFFER_ALIGNMENT)) * BUFFER_ALIGNMENT;
  return { ...array, byteLength, bufferBytes };
}

function arraysOf(request: WeightRequest): ReturnType<typeof laidOutArrays> {
  const { entry, layout } = request;
  try {
    return laidOutArrays(entry.shape, request);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(
      'weights-mismatch',
      `"${entry.name}" cannot be laid out as the graph wants it: ${why}.`,
      { cause, detail: { tensor: entry.name, shape: [...entry.shape], layout } },
    );
  }
}

function checkLimits(entry: TensorEntry, bytes: number, limits: GPUSupportedLimits): void {
  for (const limit of ['maxBufferSize', 'maxStorageBufferBindingSize'] as const) {
    if (bytes <= limits[limit]) continue;
    throw new EngineError(
      'unsupported',
      `"${entry.name}" takes ${bytes} bytes in one buffer, and this GPU's ${limit} is ` +
        `${limits[limit]}. Use half precision or another GPU.`,
      { detail: { tensor: entry.name, bytes, limit, maximum: limits[limit] } },
    );
  }
}
