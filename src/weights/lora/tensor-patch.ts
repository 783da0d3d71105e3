/**
 * What LoRAs at their strengths make of the tensors of a checkpoint, told before any of it is computed.
 *
 * Always over the tensor as the checkpoint has it: another strength begins from there again, so nothing adds up and
 * nothing has to be taken back.
 */

import { elementCount } from '../../tensor/dtype.ts';
import { checkRange } from '../byte-source.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { readFloat32 } from '../read-tensor.ts';
import { applyDelta } from './delta.ts';
import type { FittedLora } from './fit-lora.ts';
import type { LoraPatch } from './recipe.ts';

/** A LoRA at a strength: 0 is none of it, 1 as it was trained; any number. */
export type LoraStrength = { readonly lora: FittedLora; readonly strength: number };

/** What one tensor becomes. */
export type TensorPatch = {
  /** Equal for patches that make the same of a tensor; never empty. */
  readonly mark: string;
  /** Applied one after the other. */
  readonly changes: readonly TensorChange[];
};

/** One LoRA's part of a {@link TensorPatch}. */
export type TensorChange = { readonly load: LoraPatch['load']; readonly strength: number };

/** The tensors of a checkpoint that change, by name. */
export type WeightPatches = ReadonlyMap<string, TensorPatch>;

/**
 * What the LoRAs make of a checkpoint, one after the other; those at strength 0 make nothing of it. Marks are made of their
 * names and strengths, so names have to tell files apart.
 */
export function weightPatches(
  checkpoint: Checkpoint,
  loras: readonly LoraStrength[],
): WeightPatches {
  const patches = new Map<string, TensorPatch>();
  for (const { lora, strength } of loras) {
    if (strength === 0) continue;
    for (const { checkpointId, tensor, load } of lora.patches) {
      if (checkpointId !== checkpoint.id) continue;
      const { mark = '', changes = [] } = patches.get(tensor) ?? {};
      patches.set(tensor, {
        mark: mark + JSON.stringify([lora.name, strength]),
        changes: [...changes, { load, strength }],
      });
    }
  }
  return patches;
}

/**
 * A tensor with its patch, float32, computed on the CPU when it is read: whole, in double precision, at the first read, and
 * kept until a read reaches its end.
 */
export function patchedEntry(entry: TensorEntry, { changes }: TensorPatch): TensorEntry {
  const { name, shape } = entry;
  const size = elementCount(shape) * Float32Array.BYTES_PER_ELEMENT;
  // Kept from the first read to the one that reaches the end: a large tensor is read in chunks.
  let computed: Promise<Uint8Array<ArrayBuffer>> | undefined;
  const compute = async (signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => {
    const weight = await readFloat32(entry, signal);
    for (const { load, strength } of changes) {
      applyDelta(weight, shape, await load(signal), strength);
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
