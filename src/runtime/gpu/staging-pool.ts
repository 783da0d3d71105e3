/**
 * Buffers that hold raw bytes on the GPU between the upload and the conversion.
 *
 * Sizes are powers of two, so that chunks of one checkpoint share few buffers; free buffers are kept
 * only while something is loading. What may exist at once is bounded by the upload budget.
 */

import { allocate } from './allocate.ts';
import { BUFFER_USAGE } from './flags.ts';

/** The smallest staging buffer. */
const MIN_BYTES = 256;

/** Staging buffers of one device. */
export class StagingPool {
  readonly #device: GPUDevice;
  readonly #maxBytes: number;
  readonly #free = new Map<number, GPUBuffer[]>();
  #existingBytes = 0;
  #isClosed = false;

  /** `maxBytes`: beyond this many bytes of buffers, free ones of other sizes are destroyed. */
  constructor(device: GPUDevice, maxBytes: number) {
    this.#device = device;
    this.#maxBytes = maxBytes;
  }

  /** The size of the buffer that serves a chunk of `bytes`: what it costs of the budget. */
  sizeFor(bytes: number): number {
    return Math.max(MIN_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
  }

  /** A buffer of `sizeFor(bytes)`, not in use by anything that is not submitted yet. */
  async take(bytes: number): Promise<GPUBuffer> {
    const size = this.sizeFor(bytes);
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) return free;
    if (this.#existingBytes + size > this.#maxBytes) this.clear();
    this.#existingBytes += size;
    const { buffer, ready } = allocate(this.#device, {
      label: 'staging/weights',
      size,
      usage: BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST,
    });
    try {
      await ready;
    } catch (error) {
      this.#existingBytes -= size;
      buffer.destroy();
      throw error;
    }
    return buffer;
  }

  /** Takes a buffer back. */
  put(buffer: GPUBuffer): void {
    const free = this.#free.get(buffer.size);
    if (free === undefined) this.#free.set(buffer.size, [buffer]);
    else free.push(buffer);
    if (this.#isClosed) this.clear();
  }

  /** Destroys all free buffers. */
  clear(): void {
    for (const buffer of [...this.#free.values()].flat()) {
      this.#existingBytes -= buffer.size;
      buffer.destroy();
    }
    this.#free.clear();
  }

  /** Destroys all free buffers now, and those in use as they come back. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }
}
