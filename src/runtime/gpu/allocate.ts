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

/** A small buffer that is made when it is first needed, and again if there was no memory for it. */
export class LazyBuffer {
  readonly #device: GPUDevice;
  readonly #descriptor: GPUBufferDescriptor;
  #allocation: Allocation | undefined;

  constructor(device: GPUDevice, descriptor: GPUBufferDescriptor) {
    this.#device = device;
    this.#descriptor = descriptor;
  }

  /** The buffer, once it has its memory. Rejects with `out-of-memory`. */
  async get(): Promise<GPUBuffer> {
    const allocation = (this.#allocation ??= allocate(this.#device, this.#descriptor));
    try {
      await allocation.ready;
    } catch (error) {
      if (this.#allocation === allocation) this.destroy();
      throw error;
    }
    return allocation.buffer;
  }

  /** Frees the buffer, if there is one. */
  destroy(): void {
    this.#allocation?.buffer.destroy();
    this.#allocation = undefined;
  }
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
