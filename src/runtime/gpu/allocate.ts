/**
 * GPU calls that may run out of memory, with the answer as an error and not as an invalid buffer.
 *
 * WebGPU reports a failed allocation to an error scope, later. The scope is opened and closed around
 * the call itself, so that concurrent tasks cannot mix theirs up; the answer may be awaited late.
 */

import { EngineError } from '../../errors.ts';

/** A buffer, and whether it really got its memory. */
export type Allocation = {
  buffer: GPUBuffer;
  /** Rejects with `out-of-memory`. Never unhandled: it may be left alone. */
  ready: Promise<void>;
};

/** Creates a buffer under an error scope. */
export function allocate(device: GPUDevice, descriptor: GPUBufferDescriptor): Allocation {
  const { result: buffer, ready } = inMemoryScope(device, () => device.createBuffer(descriptor));
  const failed = ready.catch((cause: unknown) => {
    throw new EngineError(
      'out-of-memory',
      `The GPU has no ${descriptor.size} bytes left for "${descriptor.label ?? 'a buffer'}".`,
      { cause, detail: { bytes: descriptor.size } },
    );
  });
  failed.catch(() => {});
  return { buffer, ready: failed };
}

/** Runs `call` under an error scope; `ready` rejects with `out-of-memory` when the GPU had no memory for it. */
export function inMemoryScope<T>(
  device: GPUDevice,
  call: () => T,
): { result: T; ready: Promise<void> } {
  device.pushErrorScope('out-of-memory');
  let result: T;
  let popped: Promise<GPUError | null>;
  try {
    result = call();
  } finally {
    popped = device.popErrorScope();
    // Rejects on a lost device, which is reported by other means.
    popped = popped.catch(() => null);
  }
  const ready = popped.then((error) => {
    if (error !== null) {
      throw new EngineError('out-of-memory', `The GPU is out of memory: ${error.message}`);
    }
  });
  ready.catch(() => {});
  return { result, ready };
}
