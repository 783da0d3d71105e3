/**
 * One exported graph, ready to run with batches of any size.
 */

import { EngineError } from '../../errors.ts';
import {
  exportedGraph,
  givenName,
  takenName,
  type ExportedInput,
  type ExportedOutput,
} from '../../graph/exported-graph.ts';
import type { Dim } from '../../graph/dim.ts';
import { isDeviceTensor, type RunTensor } from '../../runtime/backend.ts';
import { joinRows, takeRows } from '../../runtime/rows.ts';
import type { Runtime, StageRunOptions } from '../../runtime/runtime.ts';
import { Stage } from '../../runtime/stage.ts';
import type { OnnxFile } from '../../weights/onnx/onnx-file.ts';

/** What a run gives to the graph and takes from it. */
export type ExportedInterface = {
  /** All inputs of the file; the first one tells the batch. */
  readonly inputs: readonly [ExportedInput, ...ExportedInput[]];
  readonly outputs: readonly ExportedOutput[];
};

/** What makes an {@link ExportedNetwork}. */
export type ExportedDefinition<Variant> = {
  /** For messages and progress, such as `UNet`. */
  readonly name: string;
  readonly file: OnnxFile;
  /** What a run of a variant gives and takes. */
  readonly interfaceOf: (variant: Variant) => ExportedInterface;
};

type Tensors = Record<string, RunTensor>;

/** See the file's header. `Variant` must be plain data. */
export class ExportedNetwork<Variant> {
  /** The graph in all its variants. */
  readonly stage: Stage<Variant>;
  readonly #runtime: Runtime;
  readonly #definition: ExportedDefinition<Variant>;

  constructor(runtime: Runtime, definition: ExportedDefinition<Variant>) {
    const { name, file, interfaceOf } = definition;
    const isHalf = [...file.checkpoint.tensors.values()].some(({ dtype }) => dtype === 'float16');
    this.#runtime = runtime;
    this.#definition = definition;
    this.stage = new Stage({
      name,
      checkpoint: file.checkpoint,
      isSafeInHalf: isHalf,
      build: (variant, { spelling, dtype, placeWeight }) => {
        if (isHalf && dtype === 'float32' && spelling === 'webgpu') throw halfRefused(file);
        return exportedGraph(file, {
          name: file.name,
          spelling,
          dtype,
          placeWeight,
          ...interfaceOf(variant),
        });
      },
    });
  }

  /**
   * Runs the graph. Tensors are given and taken by the names of {@link ExportedInterface}; a graph that was exported for
   * another batch runs as often as it takes.
   *
   * @param mostRows rows that may share a run; default all.
   * @throws EngineError `unsupported` for sizes that the file does not have, and what {@link Runtime.run} throws.
   */
  async run(
    variant: Variant,
    given: Readonly<Tensors>,
    options: StageRunOptions = {},
    mostRows = Infinity,
  ): Promise<Tensors> {
    const shape = this.#definition.interfaceOf(variant);
    const [{ given: first }] = shape.inputs;
    const batch = given[first[0].name]?.dims[0] ?? 1;
    const fixed = first[0].shape[0];
    const rows = typeof fixed === 'number' ? fixed : Math.min(batch, mostRows);
    this.#refuseSizes(shape, given);
    if (rows === batch) return this.#evaluate(variant, given, options);
    const ports = new Map(
      shape.inputs.flatMap((input) => input.given.map((port) => [port.name, port.shape[0]])),
    );
    const isShared = (name: string, tensor: RunTensor): boolean =>
      tensor.dims[0] !== batch || (batch === 1 && ports.get(name) !== rows);
    const { backend } = this.#runtime;
    const runs: Tensors[] = [];
    for (let from = 0; from < batch; from += rows) {
      const cut = Object.entries(given).map(([name, tensor]): [string, RunTensor] => [
        name,
        isShared(name, tensor) ? tensor : takeRows(backend, tensor, from, rows),
      ]);
      runs.push(await this.#evaluate(variant, Object.fromEntries(cut), options));
      for (const [name, tensor] of cut) if (tensor !== given[name]) dispose(tensor);
    }
    return Object.fromEntries(
      shape.outputs.map(({ name }) => {
        const parts = runs.map((run) => run[name]) as [RunTensor, ...RunTensor[]];
        const joined = joinRows(backend, parts, batch);
        for (const part of parts) dispose(part);
        return [name, joined];
      }),
    );
  }

  async #evaluate(
    variant: Variant,
    given: Readonly<Tensors>,
    { keepOnDevice = [], ...options }: StageRunOptions,
  ): Promise<Tensors> {
    const inputs = Object.entries(given).map(([name, tensor]) => [givenName(name), tensor]);
    const results = await this.#runtime.run(
      this.stage,
      variant,
      Object.fromEntries(inputs) as Tensors,
      { ...options, keepOnDevice: keepOnDevice.map(takenName) },
    );
    const { outputs } = this.#definition.interfaceOf(variant);
    return Object.fromEntries(
      outputs.map(({ name }) => [name, results[takenName(name)] as RunTensor]),
    );
  }

  #refuseSizes({ inputs }: ExportedInterface, given: Readonly<Tensors>): void {
    for (const { given: ports } of inputs) {
      for (const { name, shape } of ports) {
        const tensor = given[name];
        if (tensor === undefined) continue;
        const dims = this.#ordered(tensor);
        const isWrong = shape.some((dim, axis) => axis > 0 && isOther(dim, dims[axis]));
        if (!isWrong && dims.length === shape.length) continue;
        throw new EngineError(
          'unsupported',
          `${this.#definition.file.name} was exported for sizes of its own: ${name} must be [${shape.join(', ')}], got [${dims.join(', ')}]`,
          { detail: { name: this.#definition.file.name, input: name, dims } },
        );
      }
    }
  }

  /** Dimensions of a picture as [B, C, H, W]. */
  #ordered(tensor: RunTensor): number[] {
    const { dims } = tensor;
    const isLast = isDeviceTensor(tensor) && this.#runtime.backend.spelling === 'webgpu';
    const [b = 1, h = 1, w = 1, c = 1] = dims;
    return isLast && dims.length === 4 ? [b, c, h, w] : [...dims];
  }
}

function isOther(dim: Dim, size: number | undefined): boolean {
  return typeof dim === 'number' && dim !== size;
}

function dispose(tensor: RunTensor): void {
  if (isDeviceTensor(tensor)) tensor.dispose();
}

function halfRefused({ name }: OnnxFile): EngineError {
  return new EngineError(
    'unsupported',
    `${name} computes in float16, which this device cannot, or in which its numbers are not finite; take an export in float32`,
    { detail: { name } },
  );
}
