/**
 * Where a driver keeps the numbers of samples: the CPU's memory here, a GPU's elsewhere.
 */

import { EngineError } from '../errors.ts';

/** One term of a sum over buffers. */
export type Term<Buffer> = { readonly buffer: Buffer; readonly coefficient: number };

/** Buffers for samples of one size, and the arithmetic on them. Buffers are f32. */
export interface Store<Buffer> {
  /** Numbers in a sample, all pictures of the batch together. */
  readonly length: number;
  /** A buffer with any content: one that was released, or a new one. */
  acquire(): Buffer;
  /** Takes a buffer back for {@link Store.acquire}. */
  release(buffer: Buffer): void;
  /** Fills a buffer with numbers ordered [batch, channels, height, width]; a store with another order rearranges them. */
  write(buffer: Buffer, values: Float32Array<ArrayBuffer>): void | Promise<void>;
  /** `output = sum of coefficient · buffer`, in one pass; `output` is not among the terms, of which there is at least one. */
  combine(output: Buffer, terms: readonly Term<Buffer>[]): void | Promise<void>;
  /** The Euclidean length. */
  norm(buffer: Buffer): number | Promise<number>;
}

/** Samples as Float32Arrays. Sums are formed in f64 and rounded once. */
export class CpuStore implements Store<Float32Array<ArrayBuffer>> {
  readonly length: number;
  readonly #free: Float32Array<ArrayBuffer>[] = [];
  #made = 0;

  constructor(length: number) {
    this.length = length;
  }

  /** Buffers that were ever made: what the store's memory grew to. */
  get made(): number {
    return this.#made;
  }

  /** Buffers that are in use. */
  get used(): number {
    return this.#made - this.#free.length;
  }

  acquire(): Float32Array<ArrayBuffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#made++;
    return new Float32Array(this.length);
  }

  release(buffer: Float32Array<ArrayBuffer>): void {
    this.#free.push(buffer);
  }

  write(buffer: Float32Array<ArrayBuffer>, values: Float32Array<ArrayBuffer>): void {
    buffer.set(values);
  }

  combine(
    output: Float32Array<ArrayBuffer>,
    terms: readonly Term<Float32Array<ArrayBuffer>>[],
  ): void {
    for (const { buffer } of terms) {
      if (buffer.length !== output.length) {
        throw new EngineError(
          'invalid-argument',
          `a term of ${buffer.length} numbers in a sum of ${output.length}`,
        );
      }
    }
    const coefficients = Float64Array.from(terms, ({ coefficient }) => coefficient);
    const buffers = terms.map(({ buffer }) => buffer);
    for (let i = 0; i < output.length; i++) {
      let total = 0;
      for (let k = 0; k < buffers.length; k++) total += coefficients[k]! * buffers[k]![i]!;
      output[i] = total;
    }
  }

  norm(buffer: Float32Array<ArrayBuffer>): number {
    return Math.sqrt(buffer.reduce((total, value) => total + value * value, 0));
  }
}
