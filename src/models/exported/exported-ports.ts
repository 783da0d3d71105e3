/**
 * The inputs and outputs of an exported graph, found by the names that exporters give them.
 */

import { EngineError } from '../../errors.ts';
import type { OnnxFile, OnnxPort } from '../../weights/onnx/onnx-file.ts';

/** Element types that inputs and outputs may have: float32, int32, int64, float16, float64. */
const TYPES: readonly number[] = [1, 6, 7, 10, 11];

/** See the file's header. */
export class ExportedPorts {
  readonly #file: OnnxFile;
  readonly #taken = new Set<string>();

  constructor(file: OnnxFile) {
    this.#file = file;
  }

  /** The input with one of these names, the first of them that is there, and of this rank where one is given. */
  input(names: readonly string[], rank?: number): OnnxPort | undefined {
    const found = find(this.#file.inputs, names, rank);
    if (found === undefined) return undefined;
    this.#taken.add(found.name);
    return this.#checked(found);
  }

  /**
   * As {@link input}, of one that must be there.
   *
   * @throws EngineError `unsupported`, naming the inputs that there are.
   */
  neededInput(names: readonly string[], rank?: number): OnnxPort {
    const found = this.input(names, rank);
    if (found !== undefined) return found;
    throw this.#unknown('input', names, this.#file.inputs);
  }

  /** The output with one of these names. */
  output(names: readonly string[], rank?: number): OnnxPort | undefined {
    const found = find(this.#file.outputs, names, rank);
    return found && this.#checked(found);
  }

  /**
   * The output with one of these names, or else the only one of this rank.
   *
   * @throws EngineError `unsupported`, naming the outputs that there are.
   */
  neededOutput(names: readonly string[], rank: number): OnnxPort {
    const fitting = this.#file.outputs.filter(({ dims }) => dims.length === rank);
    const found = this.output(names, rank) ?? (fitting.length === 1 ? fitting[0] : undefined);
    if (found !== undefined) return this.#checked(found);
    throw this.#unknown('output', names, this.#file.outputs);
  }

  /** Throws EngineError `unsupported` when the graph has inputs that nobody took: a run could not give them. */
  refuseOthers(): void {
    const others = this.#file.inputs.filter(({ name }) => !this.#taken.has(name));
    if (others.length === 0) return;
    const names = others.map(({ name }) => name);
    throw new EngineError(
      'unsupported',
      `${this.#file.name} wants inputs that are not known here: ${names.join(', ')}`,
      { detail: { name: this.#file.name, inputs: names } },
    );
  }

  #checked(port: OnnxPort): OnnxPort {
    if (TYPES.includes(port.type)) return port;
    throw new EngineError(
      'unsupported',
      `${this.#file.name}: ${port.name} has ONNX's element type ${port.type}, only float32, float16, float64, int32 and int64 are supported`,
      { detail: { name: this.#file.name, port: port.name, type: port.type } },
    );
  }

  #unknown(kind: string, names: readonly string[], ports: readonly OnnxPort[]): EngineError {
    const known = ports.map(({ name, dims }) => `${name} [${dims.join(', ')}]`).join(', ');
    return new EngineError(
      'unsupported',
      `${this.#file.name} has no ${kind} ${names.join(' or ')}; it has ${known || 'none'}`,
      { detail: { name: this.#file.name, expected: [...names] } },
    );
  }
}

function find(
  ports: readonly OnnxPort[],
  names: readonly string[],
  rank: number | undefined,
): OnnxPort | undefined {
  const fitting = ports.filter(({ dims }) => rank === undefined || dims.length === rank);
  for (const name of names) {
    const found = fitting.find((port) => port.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The size of a port along an axis, where the file fixes it. */
export function fixedDim({ dims }: OnnxPort, axis: number): number | undefined {
  const dim = dims[axis];
  return typeof dim === 'number' ? dim : undefined;
}
