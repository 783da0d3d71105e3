/**
 * A kernel in several variants that works on chunks, each told by four whole numbers.
 *
 * Variants are prepared beforehand, so that a chunk is submitted without waiting.
 */

import { LazyBuffer } from '../allocate.ts';
import { BUFFER_USAGE } from '../flags.ts';
import { cachedPipeline, submitPass, type PipelineSource } from './pipelines.ts';

/** What a chunk says of itself to the shader, at binding 0. */
export type ChunkNumbers = readonly [number, number, number, number];

/** See the file's header. Owns a small uniform buffer. */
export class ChunkKernel {
  readonly #device: GPUDevice;
  readonly #uniform: LazyBuffer;
  readonly #prepared = new Map<string, { pipeline: GPUComputePipeline; uniform: GPUBuffer }>();

  constructor(device: GPUDevice, label: string) {
    this.#device = device;
    this.#uniform = new LazyBuffer(device, {
      label,
      size: 16,
      usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST,
    });
  }

  /** Makes what {@link run} needs for the variant that `key` names. Rejects with `out-of-memory`. */
  async prepare(key: string, source: () => PipelineSource): Promise<void> {
    if (this.#prepared.has(key)) return;
    const pipeline = await cachedPipeline(this.#device, key, source);
    this.#prepared.set(key, { pipeline, uniform: await this.#uniform.get() });
  }

  /** Submits one chunk with buffers at the bindings from 1 on. The variant must have been prepared. */
  run(
    key: string,
    numbers: ChunkNumbers,
    buffers: readonly GPUBuffer[],
    invocations: number,
  ): void {
    const prepared = this.#prepared.get(key);
    if (prepared === undefined) throw new Error(`${key} was not prepared`);
    const { pipeline, uniform } = prepared;
    // Queue operations keep their order, so that one uniform buffer serves all dispatches.
    this.#device.queue.writeBuffer(uniform, 0, new Uint32Array(numbers));
    const resources = [uniform, ...buffers].map((buffer) => ({ buffer }));
    submitPass(this.#device, pipeline, resources, invocations);
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#prepared.clear();
    this.#uniform.destroy();
  }
}
