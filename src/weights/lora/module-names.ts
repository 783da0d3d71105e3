/**
 * Which module of a model a LoRA file's name means.
 *
 * Names with underscores in place of dots cannot be taken apart again, so the table goes the other way: from the model's
 * own modules to everything that files call them.
 */

import type { Checkpoint } from '../checkpoint.ts';

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

/** CompVis' names of what lies within a residual block. */
const RESNET_PARTS: Readonly<Record<string, string>> = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
};

const OUTER: Readonly<Record<string, string>> = {
  'time_embedding.linear_1': 'time_embed.0',
  'time_embedding.linear_2': 'time_embed.2',
  'add_embedding.linear_1': 'label_emb.0.0',
  'add_embedding.linear_2': 'label_emb.0.2',
  conv_in: 'input_blocks.0.0',
  conv_norm_out: 'out.0',
  conv_out: 'out.2',
};

/** The modules of a model by all names that files have for them. */
export function moduleTable({ unet, texts }: LoraBase): ReadonlyMap<string, LoraTarget> {
  const table = new Map<string, LoraTarget>();
  const add = (names: readonly string[], target: LoraTarget): void => {
    // The first one stays: a name without a prefix may mean either text encoder.
    for (const name of names) if (!table.has(name)) table.set(name, target);
  };
  const modules = modulesOf(unet);
  const layout = unetLayout(modules);
  for (const module of modules) {
    const ldm = ldmPath(module, layout);
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

/** What CompVis' counting through all blocks depends on. */
type UNetLayout = {
  /** Residual blocks of a level on the way down. */
  readonly layers: number;
  /** Levels of the way up that have transformers. */
  readonly crossUp: ReadonlySet<number>;
};

function unetLayout(modules: ReadonlySet<string>): UNetLayout {
  let layers = 0;
  while (modules.has(`down_blocks.0.resnets.${layers}.conv1`)) layers++;
  const ups = [...modules].map((module) => /^up_blocks\.(\d+)\.attentions\./.exec(module)?.[1]);
  return { layers, crossUp: new Set(ups.filter((level) => level !== undefined).map(Number)) };
}

/** A UNet module's path as CompVis calls it; undefined when it has none. */
function ldmPath(module: string, { layers, crossUp }: UNetLayout): string | undefined {
  const outer = OUTER[module];
  if (outer !== undefined) return outer;
  const match = /^(down_blocks|up_blocks|mid_block)\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.+)$/.exec(module);
  if (match === null) return undefined;
  const [, block = '', levelText, kind = '', layerText, rest = ''] = match;
  const [level, layer] = [Number(levelText ?? 0), Number(layerText)];
  const isAttention = kind === 'attentions';
  const inner = isAttention ? rest : (RESNET_PARTS[rest] ?? rest);
  const place = isAttention ? 1 : 0;
  const span = layers + 1;
  switch (block) {
    case 'mid_block':
      return `middle_block.${isAttention ? 1 : 2 * layer}.${inner}`;
    case 'down_blocks':
      if (kind === 'downsamplers') return `input_blocks.${span * (level + 1)}.0.op`;
      return `input_blocks.${1 + span * level + layer}.${place}.${inner}`;
    default:
      if (kind === 'upsamplers') {
        return `output_blocks.${span * level + layers}.${crossUp.has(level) ? 2 : 1}.conv`;
      }
      return `output_blocks.${span * level + layer}.${place}.${inner}`;
  }
}
