/**
 * Streams one tensor of a checkpoint into a buffer of the GPU with LoRAs in it, rows by rows.
 *
 * Rows are made float32 in a scratch buffer, changed there by each LoRA in turn, and converted into their places in the
 * destination, so that the whole tensor is nowhere but there. What the rows begin with are the checkpoint's own bytes, read
 * again each time.
 */

import { BYTES_PER_ELEMENT, elementCount } from '../../tensor/dtype.ts';
import type { Delta } from '../../weights/lora/delta.ts';
import type { TensorPatch } from '../../weights/lora/tensor-patch.ts';
import { abortable } from '../../util/abortable.ts';
import { inMemoryScope } from './allocate.ts';
import {
  factorsOf,
  isByRows,
  RowChanger,
  type PreparedChange,
  type Rows,
} from './kernels/change.ts';
import type { Converter } from './kernels/convert.ts';
import type { StagingPool } from './staging-pool.ts';
import type { UploadBudget } from './upload-budget.ts';
import { readExactly, writeWords, type Finish, type WeightUpload } from './tensor-bytes.ts';

/** What patched uploads share with all others of a device. */
export type UploadContext = {
  readonly device: GPUDevice;
  readonly budget: UploadBudget;
  readonly staging: StagingPool;
  readonly converter: Converter;
  /** What puts a chunk of float32 into its place in the form that an upload asks for. */
  readonly finisher: (upload: WeightUpload) => Promise<Finish>;
  /** Most bytes of float32 rows at once; a single row may have more. */
  readonly chunkBytes: number;
};

/** Options of {@link PatchedUploader.upload}. */
export type PatchedUploadOptions = {
  readonly signal: AbortSignal;
  /** Called with the bytes given to the queue: of the checkpoint, and of what changes it. */
  readonly onBytes: (ofCheckpoint: number, ofChanges: number) => void;
};

/** A LoRA's change, ready to be submitted. */
type Change = { readonly delta: Delta; readonly strength: number; readonly submit: PreparedChange };

/** An upload under way. */
type Run = {
  readonly entry: WeightUpload['entry'];
  readonly changes: readonly Change[];
  readonly finish: Finish;
  readonly columns: number;
  readonly signal: AbortSignal;
};

/** See the file's header. */
export class PatchedUploader {
  readonly #context: UploadContext;
  readonly #changer: RowChanger;

  constructor(context: UploadContext) {
    this.#context = context;
    this.#changer = new RowChanger(context.device);
  }

  /**
   * Reads the tensor and submits all that puts it, changed, into its place; false, and nothing is done, where one of the
   * changes is none that rows can be changed by. Rejects as an upload does.
   */
  async upload(
    upload: WeightUpload,
    patch: TensorPatch,
    { signal, onBytes }: PatchedUploadOptions,
  ): Promise<boolean> {
    const { converter, finisher, chunkBytes } = this.#context;
    const { entry } = upload;
    const changes: Change[] = [];
    for (const { load, strength } of patch.changes) {
      const delta = await abortable(load(signal), signal);
      if (!isByRows(delta)) return false;
      const submit = await abortable(this.#changer.prepare({ delta }), signal);
      changes.push({ delta, strength, submit });
    }
    await abortable(
      converter.prepare({ from: entry.dtype, to: 'float32', layout: 'stored' }),
      signal,
    );
    const finish = await abortable(finisher(upload), signal);
    const [rows = 1, ...rest] = entry.shape;
    const columns = elementCount(rest);
    // In pairs, so that chunks share no word of what they are written as.
    const pairs = Math.floor(chunkBytes / (2 * columns * BYTES_PER_ELEMENT.float32));
    const most = 2 * Math.max(1, pairs);
    const run: Run = { entry, changes, finish, columns, signal };
    const scopes: Promise<void>[] = [];
    for (let firstRow = 0; firstRow < rows; firstRow += most) {
      const range = { firstRow, rows: Math.min(most, rows - firstRow) };
      // After an abort a read may go on; its bytes stay reserved until it is over.
      const sent = this.#send(run, range);
      const { ready, bytes, changeBytes } = await abortable(sent, signal);
      scopes.push(ready);
      onBytes(bytes, changeBytes);
    }
    await abortable(Promise.all(scopes), signal);
    return true;
  }

  /** Frees what it holds; uploads must have been aborted. */
  dispose(): void {
    this.#changer.dispose();
  }

  async #send(
    { entry, changes, finish, columns, signal }: Run,
    range: Rows,
  ): Promise<{ ready: Promise<void>; bytes: number; changeBytes: number }> {
    const { device, budget, staging, converter } = this.#context;
    const count = range.rows * columns;
    const first = range.firstRow * columns;
    const elementBytes = BYTES_PER_ELEMENT[entry.dtype];
    const bytes = count * elementBytes;
    const factors = changes.map(({ delta }) => factorsOf(delta, range));
    const factorSizes = factors.flat().map(({ byteLength }) => byteLength);
    const sizes = [bytes, count * BYTES_PER_ELEMENT.float32, ...factorSizes];
    const staged = sizes.reduce((sum, size) => sum + staging.sizeFor(size), 0);
    const reservation = await budget.reserve(bytes + staged, signal);
    const taken: GPUBuffer[] = [];
    try {
      const start = first * elementBytes;
      const data = await readExactly(entry, { start, end: start + bytes }, signal);
      for (const size of sizes) taken.push(await staging.take(size));
      signal.throwIfAborted();
      const [raw, scratch, ...others] = taken as [GPUBuffer, GPUBuffer, ...GPUBuffer[]];
      const { ready } = inMemoryScope(device, () => {
        writeWords(device, raw, 0, data);
        converter.run(
          { from: entry.dtype, to: 'float32', layout: 'stored' },
          { source: raw, destination: scratch, first: 0, count, rows: 1, columns: count },
        );
        const kernel = elementCount(entry.shape.slice(2));
        for (const [i, { delta, strength, submit }] of changes.entries()) {
          const buffers = (factors[i] ?? []).map((values) => {
            const buffer = others.shift() as GPUBuffer;
            device.queue.writeBuffer(buffer, 0, values);
            return buffer;
          });
          submit({ delta, strength, ...range, columns, kernel }, scratch, buffers);
        }
        finish({ source: scratch, first, count });
      });
      reservation.sent(() => taken.forEach((buffer) => staging.put(buffer)));
      return { ready, bytes, changeBytes: factorSizes.reduce((sum, size) => sum + size, 0) };
    } catch (error) {
      reservation.cancel();
      for (const buffer of taken) staging.put(buffer);
      throw error;
    }
  }
}
