/**
 * A LoRA file and a model: what it changes there, and what it has that the model has not.
 */

import { EngineError } from '../../errors.ts';
import type { LoraFile } from './lora-file.ts';
import { moduleTable, type LoraBase } from './module-names.ts';
import { patchesOf, type LoraPatch } from './recipe.ts';

/** A LoRA fitted to a model. */
export type FittedLora = {
  /** The file's name. */
  readonly name: string;
  readonly patches: readonly LoraPatch[];
  /** Keys of the file that match nothing, which therefore do nothing. */
  readonly unmatched: readonly string[];
};

/**
 * Finds a file's modules in a model.
 *
 * @throws EngineError `weights-mismatch` when none is there, or one is there in another size: the file is for another family of
 *   models.
 */
export function fitLora(file: LoraFile, base: LoraBase): FittedLora {
  const table = moduleTable(base);
  const patches: LoraPatch[] = [];
  const unmatched = [...file.unknown];
  for (const module of file.modules) {
    const target = table.get(module.name);
    const found = target === undefined ? [] : patchesOf(file.name, module, target);
    if (found.length === 0) unmatched.push(...module.keys);
    patches.push(...found);
  }
  if (patches.length > 0) return { name: file.name, patches, unmatched };
  const [first = ''] = unmatched;
  throw new EngineError(
    'weights-mismatch',
    `${file.name} is for another kind of model: none of its ${unmatched.length} names is known in ${base.unet.id}, such as ${first}`,
    { detail: { name: file.name, unmatched } },
  );
}
