/**
 * Latents where the network runs: what a sampler's store needs beside arithmetic to speak with a UNet.
 */

import type { RunTensor } from '../backend.ts';
import type { Store, Term } from '../../samplers/store.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';

/** Batch, channels, height, width. */
export type LatentDims = readonly [number, number, number, number];

/** Something that memory is held for until it is released. */
export type Held<T> = { readonly value: T; readonly release: () => void };

/** A store of latents of one size on one backend. */
export type Latents<Buffer> = {
  readonly store: Store<Buffer>;
  /** A sum as the input of a graph, `copies` times one behind the other along the batch. */
  input(terms: readonly Term<Buffer>[], copies: number): Promise<Held<RunTensor>>;
  /** A graph's output, cut into `copies` along the batch. */
  output(tensor: RunTensor, copies: number): Held<readonly Buffer[]>;
  /** The numbers of a sum, [B, C, H, W]. */
  read(terms: readonly Term<Buffer>[]): Promise<HostTensor>;
  /** Resolves when everything submitted is computed. */
  settle(): Promise<void>;
  /** Gives all memory back. */
  dispose(): void;
};

/** The number of elements of latents of these dimensions. */
export function latentCount([batch, channels, height, width]: LatentDims): number {
  return batch * channels * height * width;
}
