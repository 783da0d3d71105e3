/**
 * Latents in the JavaScript heap, [B, C, H, W].
 */

import type { RunTensor } from '../backend.ts';
import { CpuStore, type Term } from '../../samplers/store.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { latentCount, type Held, type LatentDims, type Latents } from './latents.ts';

type Numbers = Float32Array<ArrayBuffer>;

/** See the file's header. */
export class HostLatents implements Latents<Numbers> {
  readonly store: CpuStore;
  readonly #dims: LatentDims;

  constructor(dims: LatentDims) {
    this.store = new CpuStore(latentCount(dims), dims[0]);
    this.#dims = dims;
  }

  /** See {@link Latents.input}. */
  input(terms: readonly Term<Numbers>[], copies: number): Promise<Held<RunTensor>> {
    const { length } = this.store;
    const data = new Float32Array(copies * length);
    this.store.combine(data.subarray(0, length), terms);
    for (let i = 1; i < copies; i++) data.copyWithin(i * length, 0, length);
    const [batch, ...rest] = this.#dims;
    return Promise.resolve({
      value: { dims: [copies * batch, ...rest], data },
      release: () => undefined,
    });
  }

  /** See {@link Latents.output}. */
  output(tensor: RunTensor, copies: number): Held<Numbers[]> {
    const { data } = tensor as HostTensor;
    const { length } = this.store;
    const value = Array.from({ length: copies }, (_, i) =>
      data.subarray(i * length, (i + 1) * length),
    );
    return { value, release: () => undefined };
  }

  /** See {@link Latents.read}. */
  read(terms: readonly Term<Numbers>[]): Promise<HostTensor> {
    const data = new Float32Array(this.store.length);
    this.store.combine(data, terms);
    return Promise.resolve({ dims: this.#dims, data });
  }

  /** Everything is computed already; lets messages in (an abort, say), which wasm keeps out while it computes. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** See {@link Latents.dispose}. */
  dispose(): void {
    // The garbage collector's.
  }
}
