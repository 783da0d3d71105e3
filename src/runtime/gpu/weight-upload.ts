/**
 * Streams one tensor of a checkpoint into a buffer of the GPU, chunk by chunk.
 *
 * What is stored as the graph wants it goes straight into its place; anything else goes through a
 * staging buffer and a kernel that converts or quantises it. Neither JavaScript nor staging ever holds more than a few
 * chunks: see upload-budget.ts. Who owns the buffer, and when it is freed, is weight-store.ts.
 */

import { EngineError } from '../../errors.ts';
import { BYTES_PER_ELEMENT, elementCount, type FloatDtype } from '../../tensor/dtype.ts';
import type { TensorEntry } from '../../weights/checkpoint.ts';
import { isQuantised, quantisedBits, type WeightLayout } from '../../weights/layout.ts';
import { abortable } from '../../util/abortable.ts';
import { inMemoryScope } from './allocate.ts';
import { Converter } from './kernels/convert.ts';
import { PAIR, Quantiser } from './kernels/quantise.ts';
import { StagingPool } from './staging-pool.ts';
import { UploadBudget, type Reservation } from './upload-budget.ts';

/** One tensor's way to the GPU. */
export type WeightUpload = {
  entry: TensorEntry;
  dtype: FloatDtype;
  layout: WeightLayout;
  /** Receives the tensor (of a quantised one the codes) from byte 0; its size is a multiple of 4. */
  destination: GPUBuffer;
  /** Receives the scales of a quantised tensor. */
  scales?: GPUBuffer | undefined;
};

/** A chunk that lies in a staging buffer. */
type StagedChunk = {
  source: GPUBuffer;
  /** Position of its first element in the tensor. */
  first: number;
  /** Elements in it. */
  count: number;
};

/** Room for the smallest staging buffer and as much again. */
const MIN_BYTES_IN_FLIGHT = 512;

/** What {@link WeightUploader.upload} tells while it runs. */
export type WeightUploadOptions = {
  signal: AbortSignal;
  /** Called with the bytes of each chunk once they are given to the queue. */
  onBytes: (bytes: number) => void;
};

/** Sizes of a {@link WeightUploader}. */
export type WeightUploaderOptions = {
  /** Most bytes of one read. */
  chunkBytes: number;
  /** Most bytes that are in JavaScript or in staging, read but not yet in their place. */
  maxBytesInFlight: number;
};

/** An upload under way. */
type Run = WeightUpload & {
  signal: AbortSignal;
  /** Puts a staged chunk into its place; undefined where the bytes of the file are the bytes of the weight. */
  finish: ((chunk: StagedChunk) => void) | undefined;
  /** One for every chunk: whether the queue found memory for it. */
  scopes: Promise<void>[];
};

/** Uploads tensors to one device. Uploads may run concurrently, and then share the bytes in flight. */
export class WeightUploader {
  /** What bounds the bytes in flight, and counts them. */
  readonly budget: UploadBudget;
  readonly #device: GPUDevice;
  readonly #chunkBytes: number;
  readonly #staging: StagingPool;
  #converter: Converter | undefined;
  #quantiser: Quantiser | undefined;

  constructor(device: GPUDevice, { chunkBytes, maxBytesInFlight }: WeightUploaderOptions) {
    if (!(chunkBytes >= 4 && maxBytesInFlight >= MIN_BYTES_IN_FLIGHT)) {
      throw new EngineError(
        'invalid-argument',
        `Chunks of ${chunkBytes} bytes and ${maxBytesInFlight} bytes in flight are too small: ` +
          `give at least 4 and ${MIN_BYTES_IN_FLIGHT}.`,
      );
    }
    // A chunk and its staging buffer, a power of two, are in flight together.
    const largest = 2 ** Math.floor(Math.log2(maxBytesInFlight / 2));
    this.#device = device;
    // Whole words, so that every chunk but the last begins and ends where writeBuffer can.
    this.#chunkBytes = Math.floor(Math.min(chunkBytes, largest) / 4) * 4;
    this.#staging = new StagingPool(device, maxBytesInFlight);
    this.budget = new UploadBudget(device.queue, maxBytesInFlight);
  }

  /**
   * Reads the tensor and submits all that puts it into its place. Rejects with the signal's reason,
   * with `out-of-memory`, or with what the source says; the destination is then half filled.
   */
  async upload(upload: WeightUpload, { signal, onBytes }: WeightUploadOptions): Promise<void> {
    const { entry } = upload;
    const finish = await abortable(this.#finisher(upload), signal);
    const run: Run = { ...upload, signal, finish, scopes: [] };
    const chunkBytes = this.#chunkBytesFor(upload);
    for (let start = 0; start < entry.byteLength; start += chunkBytes) {
      const end = Math.min(entry.byteLength, start + chunkBytes);
      const bytes = end - start;
      const staged = finish === undefined ? 0 : this.#staging.sizeFor(bytes);
      const reservation = await this.budget.reserve(bytes + staged, signal);
      // After an abort a read may go on; its bytes stay reserved until it is over.
      await abortable(this.#send(run, { start, end }, reservation), signal);
      onBytes(bytes);
    }
    await abortable(Promise.all(run.scopes), signal);
  }

  /** Frees the staging buffers that the GPU has done with. */
  trim(): void {
    this.#staging.clear();
  }

  /** Frees everything; uploads must have been aborted. */
  dispose(): void {
    this.#staging.close();
    this.#converter?.dispose();
    this.#quantiser?.dispose();
    this.#converter = undefined;
    this.#quantiser = undefined;
  }

  /** What the kernels do with each chunk of this upload; undefined when there is nothing to do. */
  async #finisher(upload: WeightUpload): Promise<Run['finish']> {
    const { entry, dtype, layout, destination, scales } = upload;
    if (isQuantised(layout)) {
      if (scales === undefined) throw new Error(`"${entry.name}" has no buffer for its scales`);
      const bits = quantisedBits(layout);
      const quantiser = (this.#quantiser ??= new Quantiser(this.#device));
      const quantisation = { from: entry.dtype, bits, scales: dtype };
      await quantiser.prepare(quantisation);
      return (chunk) => quantiser.run(quantisation, { ...chunk, codes: destination, scales });
    }
    if (entry.dtype === dtype && layout === 'stored') return undefined;
    const converter = (this.#converter ??= new Converter(this.#device));
    const conversion = { from: entry.dtype, to: dtype, layout };
    await converter.prepare(conversion);
    const isMatrix = layout === 'transposed';
    const [rows = 1, columns = 1] = isMatrix ? entry.shape : [1, elementCount(entry.shape)];
    return (chunk) => converter.run(conversion, { ...chunk, destination, rows, columns });
  }

  /** Chunks of quantised tensors end where pairs of blocks do. */
  #chunkBytesFor({ entry, layout }: WeightUpload): number {
    if (!isQuantised(layout)) return this.#chunkBytes;
    const pairBytes = PAIR * BYTES_PER_ELEMENT[entry.dtype];
    return Math.max(1, Math.floor(this.#chunkBytes / pairBytes)) * pairBytes;
  }

  async #send(run: Run, range: { start: number; end: number }, reservation: Reservation) {
    try {
      const data = await readExactly(run.entry, range, run.signal);
      const { finish } = run;
      if (finish === undefined) {
        run.signal.throwIfAborted();
        const write = () => this.#write(run.destination, range.start, data);
        run.scopes.push(inMemoryScope(this.#device, write).ready);
        reservation.sent();
      } else {
        const staging = await this.#staging.take(data.byteLength);
        this.#finish(run, finish, { start: range.start, data, staging });
        reservation.sent(() => this.#staging.put(staging));
      }
    } catch (error) {
      reservation.cancel();
      throw error;
    }
  }

  #finish(
    run: Run,
    finish: NonNullable<Run['finish']>,
    { start, data, staging }: { start: number; data: Uint8Array<ArrayBuffer>; staging: GPUBuffer },
  ): void {
    if (run.signal.aborted) {
      this.#staging.put(staging);
      run.signal.throwIfAborted();
    }
    const elementBytes = BYTES_PER_ELEMENT[run.entry.dtype];
    const write = () => {
      this.#write(staging, 0, data);
      const first = start / elementBytes;
      finish({ source: staging, first, count: data.byteLength / elementBytes });
    };
    run.scopes.push(inMemoryScope(this.#device, write).ready);
  }

  /** Writes at a multiple of 4; the last word is filled up with zeros. */
  #write(buffer: GPUBuffer, offset: number, data: Uint8Array<ArrayBuffer>): void {
    const { queue } = this.#device;
    const whole = data.byteLength - (data.byteLength % 4);
    queue.writeBuffer(buffer, offset, data, 0, whole);
    if (whole === data.byteLength) return;
    const last = new Uint8Array(4);
    last.set(data.subarray(whole));
    queue.writeBuffer(buffer, offset + whole, last);
  }
}

async function readExactly(
  entry: TensorEntry,
  { start, end }: { start: number; end: number },
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { source, byteOffset } = entry;
  const data = await source.read(byteOffset + start, byteOffset + end, signal);
  if (data.byteLength !== end - start) {
    throw new EngineError(
      'model-malformed',
      `"${source.name}" gave ${data.byteLength} bytes of "${entry.name}" where ${end - start} were asked for.`,
    );
  }
  return data;
}
