/**
 * Latents in GPU memory, in the order of the backend's graphs ([B, H, W, C] in the WebGPU spelling).
 *
 * A sampler's step is one kernel over these buffers; they never leave the GPU between steps.
 */

import { isDeviceTensor, type RunTensor } from '../backend.ts';
import { BUFFER_USAGE, MAP_MODE } from '../gpu/flags.ts';
import { Combiner } from '../gpu/kernels/combine.ts';
import { multiplyBuffers } from '../gpu/kernels/multiply.ts';
import type { WebGpuBackend } from '../webgpu-backend.ts';
import { normsOf, type Store, type Term } from '../../samplers/store.ts';
import { toChannelsFirst, toChannelsLast, type HostTensor } from '../../tensor/host-tensor.ts';
import { latentCount, type Held, type LatentDims, type Latents } from './latents.ts';

/** Latents in a buffer, from an element on. */
type Span = { readonly buffer: GPUBuffer; readonly offset: number };

/** See the file's header. */
export class GpuLatents implements Latents<Span> {
  readonly store: Store<Span>;
  readonly #device: GPUDevice;
  readonly #dims: LatentDims;
  readonly #isChannelsLast: boolean;
  readonly #combiner: Combiner;
  readonly #buffers = new Set<GPUBuffer>();

  constructor(backend: WebGpuBackend, dims: LatentDims) {
    this.#device = backend.gpu.device;
    this.#dims = dims;
    this.#isChannelsLast = backend.spelling === 'webgpu';
    this.#combiner = new Combiner(this.#device);
    this.store = this.#makeStore(latentCount(dims));
  }

  /** See {@link Latents.input}. */
  async input(terms: readonly Term<Span>[], copies: number): Promise<Held<RunTensor>> {
    const { length } = this.store;
    const buffer = this.#allocate(copies * length);
    for (let i = 0; i < copies; i++) await this.#combine({ buffer, offset: i * length }, terms);
    const [batch, channels, height, width] = this.#dims;
    const all = copies * batch;
    const dims = this.#isChannelsLast
      ? [all, height, width, channels]
      : [all, channels, height, width];
    const release = (): void => this.#free(buffer);
    return { value: { dims, buffer, dispose: release }, release };
  }

  /** See {@link Latents.output}. */
  output(tensor: RunTensor, copies: number): Held<Span[]> {
    if (!isDeviceTensor(tensor)) throw new TypeError('the output was not left on the device');
    const value = Array.from({ length: copies }, (_, i) => ({
      buffer: tensor.buffer,
      offset: i * this.store.length,
    }));
    return { value, release: () => tensor.dispose() };
  }

  /** See {@link Latents.read}. */
  async read(terms: readonly Term<Span>[]): Promise<HostTensor> {
    const bytes = this.store.length * 4;
    const sum = this.#allocate(this.store.length);
    const { MAP_READ, COPY_DST } = BUFFER_USAGE;
    const copy = this.#device.createBuffer({
      label: 'latents/read',
      size: bytes,
      usage: MAP_READ | COPY_DST,
    });
    try {
      await this.#combine({ buffer: sum, offset: 0 }, terms);
      const encoder = this.#device.createCommandEncoder();
      encoder.copyBufferToBuffer(sum, 0, copy, 0, bytes);
      this.#device.queue.submit([encoder.finish()]);
      await copy.mapAsync(MAP_MODE.READ);
      const data = new Float32Array(copy.getMappedRange().slice(0));
      if (!this.#isChannelsLast) return { dims: this.#dims, data };
      const [batch, channels, height, width] = this.#dims;
      return toChannelsFirst({ dims: [batch, height, width, channels], data });
    } finally {
      copy.destroy();
      this.#free(sum);
    }
  }

  /** See {@link Latents.settle}. */
  async settle(): Promise<void> {
    await this.#device.queue.onSubmittedWorkDone();
  }

  /** See {@link Latents.dispose}. */
  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#combiner.dispose();
  }

  #makeStore(length: number): Store<Span> {
    const free: Span[] = [];
    const [pictures] = this.#dims;
    return {
      length,
      pictures,
      acquire: () => free.pop() ?? { buffer: this.#allocate(length), offset: 0 },
      release: (span) => void free.push(span),
      write: ({ buffer }, data) => {
        const latents: HostTensor = { dims: this.#dims, data };
        const ordered = this.#isChannelsLast ? toChannelsLast(latents) : latents;
        this.#device.queue.writeBuffer(buffer, 0, ordered.data);
      },
      combine: (output, terms) => this.#combine(output, terms),
      scale: async (output, { buffer, offset }, factors) => {
        const each = length / pictures;
        for (const [i, coefficient] of factors.entries()) {
          const at = { buffer: output.buffer, offset: output.offset + i * each };
          const term = { buffer, offset: offset + i * each, coefficient };
          await this.#combiner.run(at, [term], each);
        }
      },
      multiply: (output, a, b) =>
        multiplyBuffers(this.#device, output.buffer, [a.buffer, b.buffer], length),
      norms: async (span) => {
        const { data } = await this.read([{ buffer: span, coefficient: 1 }]);
        return normsOf(data, pictures);
      },
    };
  }

  #combine({ buffer, offset }: Span, terms: readonly Term<Span>[]): Promise<void> {
    const spans = terms.map((term) => ({ ...term.buffer, coefficient: term.coefficient }));
    return this.#combiner.run({ buffer, offset }, spans, this.store.length);
  }

  #allocate(count: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
    const size = Math.ceil((count * 4) / 16) * 16;
    const buffer = this.#device.createBuffer({
      label: 'latents',
      size,
      usage: STORAGE | COPY_SRC | COPY_DST,
    });
    this.#buffers.add(buffer);
    return buffer;
  }

  #free(buffer: GPUBuffer): void {
    this.#buffers.delete(buffer);
    buffer.destroy();
  }
}
