/**
 * What the engine asks of a backend: prepare a graph, run it, give its memory back.
 *
 * There are two, WebGPU and wasm. Neither knows networks; both cache prepared graphs by content hash.
 */

import { EngineError } from '../errors.ts';
import type { GraphModule, GraphPort, Spelling } from '../graph/builder.ts';
import { evaluateDim, solveFor, type Bindings, type Dim } from '../graph/dim.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { WeightPatches } from '../weights/lora/tensor-patch.ts';

/**
 * An f32 tensor in GPU memory, in the order the graphs of its backend use (NHWC for pictures). Whoever
 * holds it disposes it.
 */
export type DeviceTensor = {
  readonly dims: readonly number[];
  readonly buffer: GPUBuffer;
  readonly dispose: () => void;
};

/** What sizes can be told from: a tensor, or the dimensions of a {@link HostTensor} to be. */
export type SizedTensor = RunTensor | { readonly dims: readonly number[] };

/** A run's input or output. */
export type RunTensor = HostTensor | DeviceTensor;

/** Options of a run. */
export type RunOptions = {
  /** Outputs to leave in GPU memory, by name; the others come back as {@link HostTensor}s. */
  readonly keepOnDevice?: readonly string[];
  readonly signal?: AbortSignal | undefined;
};

/** A graph with its weights in place, ready to run at any size. */
export type PreparedGraph = {
  readonly graph: GraphModule;
  /** Runs the graph; host pictures are [B, C, H, W] on every backend. */
  run(
    inputs: Readonly<Record<string, RunTensor>>,
    options?: RunOptions,
  ): Promise<Record<string, RunTensor>>;
};

/** Options of {@link Backend.prepare}. */
export type PrepareOptions = {
  /** Bytes of weights loaded so far, of all this graph needs. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** See the file's header. */
export type Backend = {
  readonly kind: 'webgpu' | 'wasm';
  /** How graphs for this backend are written. */
  readonly spelling: Spelling;
  /** The format that the backend computes best in. */
  readonly precision: FloatDtype;
  /** A prepared graph, from the cache when one of the same content is there. */
  prepare(graph: GraphModule, options?: PrepareOptions): Promise<PreparedGraph>;
  /** Bytes of weights held now, and bytes of weights ever converted or sent to the GPU. */
  readonly residentBytes: number;
  readonly uploadedBytes: number;
  /** False once the device is lost, or a run got no memory and left broken buffers behind: start a fresh one. */
  readonly isUsable: boolean;
  /**
   * Says what tensors of a checkpoint are to be, under the same identity and for all its graphs, until it is said otherwise:
   * {@link prepare} sees to it, and its sessions stay. Undefined where weights cannot change under a session.
   */
  readonly setPatches?: ((checkpointId: string, patches: WeightPatches) => void) | undefined;
  /** Gives back what the checkpoint's graphs hold. */
  releaseCheckpoint(checkpointId: string): Promise<void>;
  /** Gives everything back. */
  dispose(): Promise<void>;
};

/** Whether a tensor lies in GPU memory. */
export function isDeviceTensor(tensor: RunTensor): tensor is DeviceTensor {
  return 'buffer' in tensor;
}

/**
 * The values of a graph's open sizes that the given input dimensions imply.
 *
 * @throws EngineError `invalid-argument` when an input is missing, has other dimensions, or disagrees with another one.
 */
export function bindSizes(
  graph: GraphModule,
  inputs: Readonly<Record<string, SizedTensor>>,
): Bindings {
  const bindings: Record<string, number> = {};
  const given = graph.inputs.map((port) => ({
    port,
    dims: graphDims(graph, port, inputs[port.name]),
  }));
  for (const { port, dims: values } of given) {
    for (const [i, dim] of port.shape.entries()) {
      const solved = solveFor(dim, values[i] ?? NaN);
      if (solved !== undefined) bindings[solved.name] ??= solved.value;
    }
  }
  for (const { port, dims: values } of given) {
    const isRight = port.shape.every((dim, i) => matches(dim, values[i], bindings));
    if (isRight && port.shape.length === values.length) continue;
    const shape = port.shape.map(String).join(', ');
    const sizes = Object.entries(bindings).map(([name, value]) => `${name} = ${value}`);
    throw new EngineError(
      'invalid-argument',
      `${graph.name}: the input ${port.name} must be [${shape}] with ${sizes.join(', ')}, got [${values.join(', ')}]`,
      { detail: { input: port.name, dims: [...values] } },
    );
  }
  return bindings;
}

function matches(dim: Dim, value: number | undefined, bindings: Bindings): boolean {
  try {
    return evaluateDim(dim, bindings) === value;
  } catch {
    return false; // a size that is not a whole number, or not a multiple of what the graph promises
  }
}

/** Dimensions in the graph's own order: pictures from the JavaScript heap are [B, C, H, W] on every backend. */
function graphDims(
  graph: GraphModule,
  port: GraphPort,
  tensor: SizedTensor | undefined,
): readonly number[] {
  if (tensor === undefined) {
    const message = `${graph.name}: the input ${port.name} is missing`;
    throw new EngineError('invalid-argument', message, { detail: { input: port.name } });
  }
  const { dims } = tensor;
  if ('buffer' in tensor || !isChannelsLast(graph, port) || dims.length !== 4) return dims;
  return [dims[0], dims[2], dims[3], dims[1]] as number[];
}

/** Whether a port holds pictures as [B, H, W, C]. */
export function isChannelsLast(graph: GraphModule, port: GraphPort): boolean {
  return port.role === 'image' && graph.spelling === 'webgpu';
}
