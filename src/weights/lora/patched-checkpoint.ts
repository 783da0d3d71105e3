/**
 * A checkpoint as LoRAs change it, computed on the CPU when a tensor is read.
 *
 * For backends whose weights are bytes inside a model, and as the reference of what a GPU does in place.
 */

import { checkRange } from '../byte-source.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { readFloat32 } from '../read-tensor.ts';
import { applyDelta } from './delta.ts';
import type { FittedLora } from './fit-lora.ts';
import type { LoraPatch } from './recipe.ts';

/** A LoRA at a strength: 0 is none of it, 1 as it was trained; any number. */
export type LoraStrength = { readonly lora: FittedLora; readonly strength: number };

/**
 * The checkpoint with LoRAs in it, one after the other. Tensors that none changes are the same entries; those that one does are
 * float32. At strength 0 everything is as it was, to the bit, and the checkpoint itself is returned where nothing changes.
 * The new one's id is made of the LoRAs' names and strengths, so names have to tell files apart.
 */
export function withLora(checkpoint: Checkpoint, loras: readonly LoraStrength[]): Checkpoint {
  const changes = new Map<string, Change[]>();
  const marks: string[] = [];
  for (const { lora, strength } of loras) {
    const own = lora.patches.filter(({ checkpointId }) => checkpointId === checkpoint.id);
    if (strength === 0 || own.length === 0) continue;
    marks.push(`${lora.name}@${strength}`);
    for (const patch of own) {
      changes.set(patch.tensor, [...(changes.get(patch.tensor) ?? []), { patch, strength }]);
    }
  }
  if (changes.size === 0) return checkpoint;
  const tensors = new Map(checkpoint.tensors);
  for (const [name, list] of changes) {
    const entry = tensors.get(name);
    if (entry !== undefined) tensors.set(name, patched(entry, list));
  }
  return { id: `${checkpoint.id}+${marks.join('+')}`, tensors };
}

type Change = { readonly patch: LoraPatch; readonly strength: number };

function patched(entry: TensorEntry, changes: readonly Change[]): TensorEntry {
  const { name, shape } = entry;
  const count = shape.reduce((product, dim) => product * dim, 1);
  const size = count * Float32Array.BYTES_PER_ELEMENT;
  // Kept from the first read to the one that reaches the end: a large tensor is read in chunks.
  let computed: Promise<Uint8Array<ArrayBuffer>> | undefined;
  const compute = async (signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => {
    const weight = await readFloat32(entry, signal);
    for (const { patch, strength } of changes) {
      applyDelta(weight, shape, await patch.load(signal), strength);
    }
    return new Uint8Array(weight.buffer);
  };
  const source = {
    name: entry.source.name,
    size,
    read: async (start: number, end: number, signal?: AbortSignal) => {
      checkRange({ name, size }, start, end);
      computed ??= compute(signal);
      try {
        const bytes = await computed;
        if (end === size) computed = undefined;
        return bytes.slice(start, end);
      } catch (error) {
        computed = undefined;
        throw error;
      }
    },
  };
  return { name, dtype: 'float32', shape, source, byteOffset: 0, byteLength: size };
}
