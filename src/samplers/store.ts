/**
 * Where a driver keeps the numbers of samples: the CPU's memory here, a GPU's elsewhere.
 */

import { EngineError } from '../errors.ts';
import { weightedSum } from './weighted-sum.ts';

/** One term of a sum over buffers. */
export type Term<Buffer> = { readonly buffer: Buffer; readonly coefficient: number };

/** Buffers for samples of one size, and the arithmetic on them. Buffers are f32. */
export interface Store<Buffer> {
  /** Numbers in a sample, all pictures of the batch together. */
  readonly length: number;
  /** Pictures in the batch; each has its numbers in one piece. */
  readonly pictures: number;
  /** A buffer with any content: one that was released, or a new one. */
  acquire(): Buffer;
  /** Takes a buffer back for {@link Store.acquire}. */
  release(buffer: Buffer): void;
  /** Fills a buffer with numbers ordered [batch, channels, height, width]; a store with another order rearranges them. */
  write(buffer: Buffer, values: Float32Array<ArrayBuffer>): void | Promise<void>;
  /** `output = sum of coefficient · buffer`, in one pass; `output` is not among the terms, of which there is at least one. */
  combine(output: Buffer, terms: readonly Term<Buffer>[]): void | Promise<void>;
  /** `output = factor · buffer`, with a factor for each picture; `output` is another buffer. */
  scale(output: Buffer, buffer: Buffer, factors: readonly number[]): void | Promise<void>;
  /** `output = a · b` element by element, as a mask is laid over latents; three different buffers. */
  multiply(output: Buffer, a: Buffer, b: Buffer): void | Promise<void>;
  /** The Euclidean length of each picture. */
  norms(buffer: Buffer): readonly number[] | Promise<readonly number[]>;
}

/** The Euclidean length of each of `pictures` equal parts of `values`. */
export function normsOf(values: Float32Array, pictures: number): readonly number[] {
  const each = values.length / pictures;
  return Array.from({ length: pictures }, (_, picture) => {
    let total = 0;
    for (let i = picture * each; i < (picture + 1) * each; i++) total += values[i]! ** 2;
    return Math.sqrt(total);
  });
}

/** Samples as Float32Arrays. Sums are formed in f64 and rounded once. */
export class CpuStore implements Store<Float32Array<ArrayBuffer>> {
  readonly length: number;
  readonly pictures: number;
  readonly #free: Float32Array<ArrayBuffer>[] = [];
  #made = 0;

  constructor(length: number, pictures = 1) {
    this.length = length;
    this.pictures = pictures;
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
    const buffers = terms.map(({ buffer }) => buffer);
    const factors = terms.map(({ coefficient }) => coefficient);
    weightedSum(output, buffers, factors);
  }

  scale(
    output: Float32Array<ArrayBuffer>,
    buffer: Float32Array<ArrayBuffer>,
    factors: readonly number[],
  ): void {
    const each = this.length / this.pictures;
    for (const [picture, factor] of factors.entries()) {
      for (let i = picture * each; i < (picture + 1) * each; i++) output[i] = factor * buffer[i]!;
    }
  }

  multiply(
    output: Float32Array<ArrayBuffer>,
    a: Float32Array<ArrayBuffer>,
    b: Float32Array<ArrayBuffer>,
  ): void {
    for (let i = 0; i < output.length; i++) output[i] = a[i]! * b[i]!;
  }

  norms(buffer: Float32Array<ArrayBuffer>): readonly number[] {
    return normsOf(buffer, this.pictures);
  }
}
