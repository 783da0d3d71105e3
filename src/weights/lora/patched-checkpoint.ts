/**
 * A checkpoint as LoRAs change it, computed on the CPU when a tensor is read.
 *
 * For backends whose weights are bytes inside a model, and as the reference of what a GPU does in place.
 */

import type { Checkpoint } from '../checkpoint.ts';
import { patchedEntry, weightPatches, type LoraStrength } from './tensor-patch.ts';

/**
 * The checkpoint with LoRAs in it, one after the other. Tensors that none changes are the same entries; those that one does are
 * float32. At strength 0 everything is as it was, to the bit, and the checkpoint itself is returned where nothing changes.
 * The new one's id is made of the LoRAs' names and strengths, so names have to tell files apart.
 */
export function withLora(checkpoint: Checkpoint, loras: readonly LoraStrength[]): Checkpoint {
  const patches = weightPatches(checkpoint, loras);
  if (patches.size === 0) return checkpoint;
  const tensors = new Map(checkpoint.tensors);
  for (const [name, patch] of patches) {
    const entry = tensors.get(name);
    if (entry !== undefined) tensors.set(name, patchedEntry(entry, patch));
  }
  const isChanging = ({ lora, strength }: LoraStrength): boolean =>
    strength !== 0 && lora.patches.some(({ checkpointId }) => checkpointId === checkpoint.id);
  const marks = loras.filter(isChanging).map(({ lora, strength }) => `${lora.name}@${strength}`);
  return { id: `${checkpoint.id}+${marks.join('+')}`, tensors };
}
