/**
 * What CompVis calls the modules of a diffusers UNet: the tables of both ways, and the way back from ldm-unet.ts, for
 * files that name weights by them.
 */

/** CompVis' names of what lies within a residual block, by diffusers' names. */
export const RESNET_PARTS: Readonly<Record<string, string>> = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
};

/** CompVis' names of what lies outside of all blocks, by diffusers' names. */
export const OUTER: Readonly<Record<string, string>> = {
  'time_embedding.linear_1': 'time_embed.0',
  'time_embedding.linear_2': 'time_embed.2',
  'add_embedding.linear_1': 'label_emb.0.0',
  'add_embedding.linear_2': 'label_emb.0.2',
  conv_in: 'input_blocks.0.0',
  conv_norm_out: 'out.0',
  conv_out: 'out.2',
};

/** Names the modules of a UNet, given the paths of all of them, as CompVis does; undefined for one that has no such name. */
export function ldmPaths(modules: ReadonlySet<string>): (module: string) => string | undefined {
  const layout = unetLayout(modules);
  return (module) => ldmPath(module, layout);
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
