/**
 * The backend that runs everywhere: onnxruntime's CPU kernels in wasm, portable spelling.
 *
 * Weights are initializers with external data, one virtual file a tensor, converted in JavaScript. A
 * session holds its own copy of them in the wasm heap, which ends at 4 GB and never shrinks: what cannot fit
 * is refused with its size.
 */

import { EngineError } from '../errors.ts';
import type { GraphModule, WeightValue } from '../graph/builder.ts';
import { BYTES_PER_ELEMENT, elementCount, type FloatDtype } from '../tensor/dtype.ts';
import { laidOut } from '../weights/lay-out.ts';
import {
  bindSizes,
  isDeviceTensor,
  type Backend,
  type PreparedGraph,
  type PrepareOptions,
  type RunOptions,
  type RunTensor,
} from './backend.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Ort, OrtSession, OrtTensor } from './ort.ts';

/** Bytes of weights a wasm heap can hold beside the runtime and activations. */
export const WASM_WEIGHT_LIMIT = 3.2 * 2 ** 30;

/** Options of a {@link WasmBackend}. */
export type WasmBackendOptions = {
  /** Default f32: the CPU computes f16 by converting, and exists for tests. */
  readonly precision?: FloatDtype;
};

type Cached = {
  readonly prepared: PreparedGraph;
  readonly session: OrtSession;
  readonly bytes: number;
};

/** See the file's header. */
export class WasmBackend implements Backend {
  readonly kind = 'wasm';
  readonly spelling = 'portable';
  readonly precision: FloatDtype;
  readonly isUsable = true;
  readonly #ort: Ort;
  readonly #cache = new Map<string, Cached>();
  #uploaded = 0;

  constructor(ort: Ort, options: WasmBackendOptions = {}) {
    this.#ort = ort;
    this.precision = options.precision ?? 'float32';
  }

  /** Bytes of weights in the wasm heap. */
  get residentBytes(): number {
    return [...this.#cache.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of weights ever converted for the wasm heap. */
  get uploadedBytes(): number {
    return this.#uploaded;
  }

  async prepare(
    graph: GraphModule,
    { signal, onProgress }: PrepareOptions = {},
  ): Promise<PreparedGraph> {
    const known = this.#cache.get(graph.hash);
    if (known !== undefined) return known.prepared;
    const bytes = weightBytes(graph);
    if (bytes > WASM_WEIGHT_LIMIT) throw tooLarge(graph, bytes);
    await this.#makeRoom(bytes);

    const external: { path: string; data: Uint8Array }[] = [];
    let done = 0;
    for (const { entry, dtype, layout, values } of graph.weights) {
      for (const [i, data] of (await laidOut(entry, { dtype, layout, signal })).entries()) {
        external.push({ path: (values[i] as WeightValue).name, data });
        done += data.byteLength;
      }
      onProgress?.(done, bytes);
    }
    const session = await this.#ort.createSession(graph.model, { external }, signal);
    this.#uploaded += bytes;
    const prepared: PreparedGraph = {
      graph,
      run: (inputs, options) => this.#run(graph, session, inputs, options),
    };
    this.#cache.set(graph.hash, { prepared, session, bytes });
    return prepared;
  }

  async releaseCheckpoint(checkpointId: string): Promise<void> {
    await this.#release(({ prepared }) => prepared.graph.checkpointId === checkpointId);
  }

  async dispose(): Promise<void> {
    await this.#release(() => true);
  }

  async #run(
    graph: GraphModule,
    session: OrtSession,
    inputs: Readonly<Record<string, RunTensor>>,
    { signal }: RunOptions = {},
  ): Promise<Record<string, HostTensor>> {
    signal?.throwIfAborted();
    bindSizes(graph, inputs);
    const feeds: Record<string, OrtTensor> = {};
    for (const { name } of graph.inputs) {
      const tensor = inputs[name] as RunTensor;
      if (isDeviceTensor(tensor)) {
        throw new EngineError(
          'invalid-argument',
          `the wasm backend cannot read ${name} from GPU memory`,
        );
      }
      feeds[name] = this.#ort.hostTensor(tensor.data, tensor.dims);
    }
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [
        name,
        { dims: [...tensor.dims], data: tensor.data as Float32Array<ArrayBuffer> },
      ]),
    );
  }

  /** Releases the sessions unused for longest until `bytes` more would fit. */
  async #makeRoom(bytes: number): Promise<void> {
    for (const [hash, { session }] of this.#cache) {
      if (this.residentBytes + bytes <= WASM_WEIGHT_LIMIT) return;
      this.#cache.delete(hash);
      await session.release();
    }
  }

  async #release(isMeant: (cached: Cached) => boolean): Promise<void> {
    for (const [hash, cached] of this.#cache) {
      if (!isMeant(cached)) continue;
      this.#cache.delete(hash);
      await cached.session.release();
    }
  }
}

/** Bytes of a graph's weights in the formats it uses them in. */
function weightBytes(graph: GraphModule): number {
  const values = graph.weights.flatMap((use) => use.values);
  return values.reduce(
    (sum, { shape, dtype }) => sum + elementCount(shape) * BYTES_PER_ELEMENT[dtype],
    0,
  );
}

function tooLarge(graph: GraphModule, bytes: number): EngineError {
  const gigabytes = (bytes / 2 ** 30).toFixed(2);
  return new EngineError(
    'out-of-memory',
    `${graph.name} needs ${gigabytes} GB of weights, and wasm's 4 GB heap holds ${(WASM_WEIGHT_LIMIT / 2 ** 30).toFixed(2)} GB of them; ` +
      'this model needs WebGPU',
    { detail: { bytes, limit: WASM_WEIGHT_LIMIT } },
  );
}
