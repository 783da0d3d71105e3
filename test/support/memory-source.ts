/**
 * A checkpoint in memory whose reads can be watched, held back and broken.
 */

import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../../src/tensor/dtype.ts';
import { randomBits, seededRandom } from './gpu.ts';
import type { ByteSource, TensorEntry } from '../../src/weights/checkpoint.ts';

/** Called before a read is answered. */
type ReadHook = (start: number, end: number, signal?: AbortSignal) => Promise<void> | void;

/** A byte source in memory. */
export class WatchedSource implements ByteSource {
  readonly name = 'memory';
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Called with every read. May reject in its place. */
  onRead: ReadHook = () => {};
  /** Reads so far, and the longest in bytes. */
  reads = 0;
  longestRead = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    this.reads += 1;
    this.longestRead = Math.max(this.longestRead, end - start);
    await this.onRead(start, end, signal);
    return this.#bytes.slice(start, end);
  }
}

/** The entry of a tensor at `byteOffset` of `source`. */
export function tensorEntry(
  source: ByteSource,
  name: string,
  { dtype, shape, byteOffset = 0 }: { dtype: StorageDtype; shape: number[]; byteOffset?: number },
): TensorEntry {
  const byteLength = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
  return { name, dtype, shape, source, byteOffset, byteLength };
}

/** `count` float32 tensors of `elements` random numbers each, one after another in one source. */
export function watchedTensors(count: number, elements: number) {
  const raw = randomBits(seededRandom(count), count * elements * 4);
  const source = new WatchedSource(raw);
  const entries = Array.from({ length: count }, (_, i) => {
    const byteOffset = i * elements * 4;
    return tensorEntry(source, `t${i}`, { dtype: 'float32', shape: [elements], byteOffset });
  });
  return { raw, source, entries };
}
