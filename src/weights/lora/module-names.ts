/**
 * Which module of a model a LoRA file's name means.
 *
 * Names with underscores in place of dots cannot be taken apart again, so the table goes the other way: from the model's
 * own modules to everything that files call them.
 */

import type { Checkpoint } from '../checkpoint.ts';
import { ldmPaths } from '../single-file/ldm-names.ts';

/** The networks that a LoRA may change. */
export type LoraBase = {
  /** Under diffusers' names. */
  readonly unet: Checkpoint;
  /** One text encoder, or SDXL's two. */
  readonly texts: readonly Checkpoint[];
};

/** A module of a model. */
export type LoraTarget = {
  /** The checkpoint that holds it. */
  readonly checkpoint: Checkpoint;
  /** Its path there: its weight is `${module}.weight`. */
  readonly module: string;
};

/** The modules of a model by all names that files have for them. */
export function moduleTable({ unet, texts }: LoraBase): ReadonlyMap<string, LoraTarget> {
  const table = new Map<string, LoraTarget>();
  const add = (names: readonly string[], target: LoraTarget): void => {
    // The first one stays: a name without a prefix may mean either text encoder.
    for (const name of names) if (!table.has(name)) table.set(name, target);
  };
  const modules = modulesOf(unet);
  const ldmPath = ldmPaths(modules);
  for (const module of modules) {
    const ldm = ldmPath(module);
    const spellings = ldm === undefined ? [module] : [module, ldm];
    add([`unet.${module}`, module, ...spellings.map((path) => kohya('lora_unet', path))], {
      checkpoint: unet,
      module,
    });
  }
  for (const [i, checkpoint] of texts.entries()) {
    const prefixes = i === 0 ? ['lora_te', 'lora_te1'] : ['lora_te2'];
    for (const module of modulesOf(checkpoint)) {
      // How its rows and columns lie depends on the file, and tables are read by rows: nothing is added to either.
      if (module === 'text_projection' || module.includes('embeddings.')) continue;
      const path = `text_model.${module.replace(/^text_model\./, '')}`;
      // transformers 5 leaves `text_model` out.
      const short = path.replace(/^text_model\./, '');
      const component = i === 0 ? 'text_encoder' : 'text_encoder_2';
      const dotted = [`${component}.${path}`, `${component}.${short}`, path, short];
      add([...dotted, ...prefixes.map((prefix) => kohya(prefix, path))], { checkpoint, module });
    }
  }
  return table;
}

function kohya(prefix: string, path: string): string {
  return `${prefix}_${path.replaceAll('.', '_')}`;
}

function modulesOf({ tensors }: Checkpoint): Set<string> {
  const names = [...tensors.keys()].filter((name) => name.endsWith('.weight'));
  return new Set(names.map((name) => name.slice(0, -'.weight'.length)));
}
