/**
 * Streams one tensor of a checkpoint into a buffer of the GPU, chunk by chunk.
 *
 * What is stored as the graph wants it goes straight into its place; anything else goes through a
 * staging buffer and a kernel that converts or quantises it. Neither JavaScript nor staging ever holds more than a few
 * chunks: see upload-budget.ts. Who owns the buffer, and when it is freed, is weight-store.ts.
 */

import { EngineError } from '../../errors.ts';
import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../../tensor/dtype.ts';
import { isQuantised, quantisedBits } from '../../weights/layout.ts';
import { patchedEntry, type TensorPatch } from '../../weights/lora/tensor-patch.ts';
import { abortable } from '../../util/abortable.ts';
import { inMemoryScope } from './allocate.ts';
import { Converter } from './kernels/convert.ts';
import { PAIR, Quantiser } from './kernels/quantise.ts';
import { PatchedUploader } from './patched-upload.ts';
import { StagingPool } from './staging-pool.ts';
import { readExactly, writeWords, type Finish, type WeightUpload } from './tensor-bytes.ts';
import { UploadBudget, type Reservation } from './upload-budget.ts';

/** Room for the smallest staging buffer and as much again. */
const MIN_BYTES_IN_FLIGHT = 512;

/** What {@link WeightUploader.upload} tells while it runs. */
export type WeightUploadOptions = {
  signal: AbortSignal;
  /** Called with the checkpoint's bytes of each chunk once they are given to the queue. */
  onBytes: (bytes: number) => void;
  /** What becomes of the tensor on its way; default nothing. */
  patch?: TensorPatch | undefined;
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
  finish: Finish | undefined;
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
  #patched: PatchedUploader | undefined;
  #sentBytes = 0;

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

  /** Bytes given to the queue so far: of checkpoints, and of what changes them. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /**
   * Reads the tensor and submits all that puts it into its place. Rejects with the signal's reason,
   * with `out-of-memory`, or with what the source says; the destination is then half filled.
   */
  async upload(
    upload: WeightUpload,
    { signal, onBytes, patch }: WeightUploadOptions,
  ): Promise<void> {
    const tell = (bytes: number): void => {
      this.#sentBytes += bytes;
      onBytes(bytes);
    };
    if (patch === undefined) return this.#uploadAsIs(upload, { signal, onBytes: tell });
    const isDone = await this.#patchedUploader().upload(upload, patch, {
      signal,
      onBytes: (ofCheckpoint, ofChanges) => {
        this.#sentBytes += ofChanges;
        tell(ofCheckpoint);
      },
    });
    if (isDone) return;
    // What no kernel computes is computed here, and takes the tensor's place.
    const entry = patchedEntry(upload.entry, patch);
    await this.#uploadAsIs({ ...upload, entry }, { signal, onBytes: tell });
  }

  async #uploadAsIs(upload: WeightUpload, { signal, onBytes }: WeightUploadOptions): Promise<void> {
    const { entry, dtype, layout } = upload;
    const isPlain = entry.dtype === dtype && layout === 'stored';
    const finish = isPlain
      ? undefined
      : await abortable(this.#finisher(upload, entry.dtype), signal);
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
    this.#patched?.dispose();
    this.#converter = undefined;
    this.#quantiser = undefined;
    this.#patched = undefined;
  }

  #converting(): Converter {
    return (this.#converter ??= new Converter(this.#device));
  }

  #patchedUploader(): PatchedUploader {
    return (this.#patched ??= new PatchedUploader({
      device: this.#device,
      budget: this.budget,
      staging: this.#staging,
      converter: this.#converting(),
      finisher: (upload) => this.#finisher(upload, 'float32'),
      chunkBytes: this.#chunkBytes,
    }));
  }

  /** What puts each chunk of this upload, in the format `from`, into its place. */
  async #finisher(upload: WeightUpload, from: StorageDtype): Promise<Finish> {
    const { entry, dtype, layout, destination, scales } = upload;
    if (isQuantised(layout)) {
      if (scales === undefined) throw new Error(`"${entry.name}" has no buffer for its scales`);
      const bits = quantisedBits(layout);
      const quantiser = (this.#quantiser ??= new Quantiser(this.#device));
      const quantisation = { from, bits, scales: dtype };
      await quantiser.prepare(quantisation);
      return (chunk) => quantiser.run(quantisation, { ...chunk, codes: destination, scales });
    }
    const converter = this.#converting();
    const conversion = { from, to: dtype, layout };
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
        const write = () => writeWords(this.#device, run.destination, range.start, data);
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
    finish: Finish,
    { start, data, staging }: { start: number; data: Uint8Array<ArrayBuffer>; staging: GPUBuffer },
  ): void {
    if (run.signal.aborted) {
      this.#staging.put(staging);
      run.signal.throwIfAborted();
    }
    const elementBytes = BYTES_PER_ELEMENT[run.entry.dtype];
    const write = () => {
      writeWords(this.#device, staging, 0, data);
      const first = start / elementBytes;
      finish({ source: staging, first, count: data.byteLength / elementBytes });
    };
    run.scopes.push(inMemoryScope(this.#device, write).ready);
  }
}
