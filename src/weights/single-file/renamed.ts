/**
 * A checkpoint seen under other names: what a single file calls things, as the networks call them.
 */

import { EngineError } from '../../errors.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';

/** Tensors that a name stands for: usually one; several where a file joins what the networks have apart. */
export type Renaming = (entry: TensorEntry) => readonly TensorEntry[];

/**
 * The tensors of `checkpoint` whose names begin with `prefix`, under what `rename` makes of them without it.
 *
 * @throws EngineError `weights-mismatch` when two tensors come out under one name.
 */
export function renamed(
  checkpoint: Checkpoint,
  prefix: string,
  part: string,
  rename: Renaming,
): Checkpoint {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, entry] of checkpoint.tensors) {
    if (!name.startsWith(prefix)) continue;
    for (const made of rename({ ...entry, name: name.slice(prefix.length) })) {
      if (tensors.has(made.name)) {
        throw new EngineError(
          'weights-mismatch',
          `${checkpoint.id} holds ${made.name} of the ${part} twice; once as ${name}`,
          { detail: { tensor: name } },
        );
      }
      tensors.set(made.name, made);
    }
  }
  return { id: `${checkpoint.id}#${part}`, tensors };
}

/** Rows `start` to `end` (exclusive) of a tensor, under another name. */
export function rowsOf(entry: TensorEntry, name: string, start: number, end: number): TensorEntry {
  const [rows = 1, ...rest] = entry.shape;
  const bytes = entry.byteLength / rows;
  return {
    ...entry,
    name,
    shape: [end - start, ...rest],
    byteOffset: entry.byteOffset + start * bytes,
    byteLength: (end - start) * bytes,
  };
}

/** Replaces a beginning by another one; undefined when the name begins otherwise. */
export function withPrefix(name: string, from: string, to: string): string | undefined {
  return name.startsWith(from) ? to + name.slice(from.length) : undefined;
}
