/**
 * Names weights by path, the way a network is nested: `w.at('down_blocks').at(0).at('resnets')`.
 *
 * All scopes of one network share a record of what was taken, so that a tensor that is missing,
 * left over or of another shape than the network expects is an error that names it.
 */

import { EngineError } from '../errors.ts';
import type { Checkpoint, TensorEntry } from '../weights/checkpoint.ts';
import { missingTensor } from '../weights/missing-tensor.ts';
import { nearestNames } from '../weights/name-suggestions.ts';

type Taken = { readonly used: Set<string>; readonly skipped: string[] };

/** A view of a checkpoint below one path. */
export class WeightScope {
  readonly #checkpoint: Checkpoint;
  readonly #prefix: string;
  readonly #taken: Taken;

  private constructor(checkpoint: Checkpoint, prefix: string, taken: Taken) {
    this.#checkpoint = checkpoint;
    this.#prefix = prefix;
    this.#taken = taken;
  }

  /** The scope of a whole checkpoint. */
  static of(checkpoint: Checkpoint): WeightScope {
    return new WeightScope(checkpoint, '', { used: new Set(), skipped: [] });
  }

  /** The identity of the checkpoint underneath. */
  get checkpointId(): string {
    return this.#checkpoint.id;
  }

  /** The path of this scope, without a trailing dot. */
  get path(): string {
    return this.#prefix.slice(0, -1);
  }

  /** The scope one step (a name or a list index) or several (`a.b`) further down. */
  at(step: string | number): WeightScope {
    return new WeightScope(this.#checkpoint, `${this.#prefix}${step}.`, this.#taken);
  }

  /** Whether a tensor, or any tensor below a path, exists. */
  has(name: string): boolean {
    const path = this.#prefix + name;
    if (this.#checkpoint.tensors.has(path)) return true;
    for (const key of this.#checkpoint.tensors.keys()) if (key.startsWith(`${path}.`)) return true;
    return false;
  }

  /** The scope under the first of several names that exists: files of several ages name one thing differently. */
  firstOf(...names: readonly string[]): WeightScope {
    return this.at(names.find((name) => this.has(name)) ?? names[0] ?? '');
  }

  /**
   * Takes a tensor.
   *
   * @param shapes the acceptable shapes, the usual one first.
   * @throws EngineError `weights-mismatch` when it is missing (with the nearest names) or misshapen, `unsupported` when
   *   it is there in a format that cannot be computed with (fp8).
   */
  take(name: string, ...shapes: readonly (readonly number[])[]): TensorEntry {
    const path = this.#prefix + name;
    const { tensors, assume } = this.#checkpoint;
    const entry = tensors.get(path) ?? (shapes[0] && assume?.(path, shapes[0]));
    if (entry === undefined) throw missingTensor(this.#checkpoint, path);
    if (!shapes.some((shape) => shape.join() === entry.shape.join())) {
      const allowed = shapes.map((shape) => `[${shape.join(', ')}]`).join(' or ');
      throw new EngineError(
        'weights-mismatch',
        `${path} has the shape [${entry.shape.join(', ')}], but the network's config asks for ${allowed}`,
        { detail: { tensor: path, shape: [...entry.shape], expected: shapes } },
      );
    }
    this.#taken.used.add(path);
    return entry;
  }

  /** Declares that everything below `name` is deliberately left out of this graph. */
  skip(name: string): void {
    this.#taken.skipped.push(this.#prefix + name);
  }

  /** Throws EngineError `weights-mismatch` when a tensor was neither taken nor skipped. */
  assertAllUsed(): void {
    const { used, skipped } = this.#taken;
    const isSkipped = (name: string): boolean =>
      skipped.some((path) => name === path || name.startsWith(`${path}.`));
    const unused = [...this.#checkpoint.tensors.keys()].filter(
      (name) => !used.has(name) && !isSkipped(name),
    );
    if (unused.length === 0) return;
    const shown = unused.slice(0, 10).join(', ') + (unused.length > 10 ? ', …' : '');
    const [first = ''] = unused;
    const nearest = nearestNames(first, [...used]);
    throw new EngineError(
      'weights-mismatch',
      `${unused.length} tensors of the checkpoint ${this.#checkpoint.id} have no place in the network its config describes: ${shown}; ` +
        `the names the network uses that are nearest to ${first} are ${nearest.join(', ')}`,
      { detail: { unused } },
    );
  }
}
