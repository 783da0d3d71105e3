/**
 * What CompVis' single files call the tensors of diffusers' networks: the way back from what the loader does, to write
 * such files for measurements. Checked in tests against a file that diffusers' own script wrote.
 */

const RESNET: Readonly<Record<string, string>> = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
};

const UNET_ENDS: Readonly<Record<string, string>> = {
  'time_embedding.linear_1': 'time_embed.0',
  'time_embedding.linear_2': 'time_embed.2',
  'add_embedding.linear_1': 'label_emb.0.0',
  'add_embedding.linear_2': 'label_emb.0.2',
  conv_in: 'input_blocks.0.0',
  conv_norm_out: 'out.0',
  conv_out: 'out.2',
};

const VAE_ATTENTION: Readonly<Record<string, string>> = {
  group_norm: 'norm',
  to_q: 'q',
  to_k: 'k',
  to_v: 'v',
  'to_out.0': 'proj_out',
};

/** Names of a UNet's tensors, given all of them under diffusers' names. */
export function compVisUNetNames(names: readonly string[]): Map<string, string> {
  const isThere = (path: string): boolean => names.some((name) => name.startsWith(`${path}.`));
  let layers = 0;
  while (isThere(`down_blocks.0.resnets.${layers}`)) layers++;
  const blockOf = (side: string, level: number, what: string, layer: number): string => {
    const isDown = side === 'down';
    const index = isDown
      ? 1 + level * (layers + 1) + (what === 'downsamplers' ? layers : layer)
      : level * (layers + 1) + (what === 'upsamplers' ? layers : layer);
    return `${isDown ? 'input' : 'output'}_blocks.${index}`;
  };
  return mapped(names, (path) => {
    const end = UNET_ENDS[path];
    if (end !== undefined) return end;
    const [block = '', level = '', what = '', layer = '', ...rest] = path.split('.');
    const inner = rest.join('.');
    const side = block.replace('_blocks', '');
    if (block === 'mid_block') {
      // mid_block.resnets.0.norm1: one step less than in the levels.
      const [tail, n] = [[layer, ...rest].join('.'), Number(what)];
      return level === 'attentions'
        ? `middle_block.1.${tail}`
        : `middle_block.${2 * n}.${RESNET[tail] ?? tail}`;
    }
    const place = blockOf(side, Number(level), what, Number(layer));
    switch (what) {
      case 'resnets':
        return `${place}.0.${RESNET[inner] ?? inner}`;
      case 'attentions':
        return `${place}.1.${inner}`;
      case 'downsamplers':
        return `${place}.0.op`;
      default:
        return `${place}.${isThere(`up_blocks.${level}.attentions`) ? 2 : 1}.conv`;
    }
  });
}

/** Names of an autoencoder's tensors, given all of them under diffusers' names. */
export function compVisVaeNames(names: readonly string[]): Map<string, string> {
  const levels = new Set(
    names.flatMap((name) => /^decoder\.up_blocks\.(\d+)/.exec(name)?.[1] ?? []),
  );
  return mapped(names, (path) => {
    const [side = '', ...steps] = path.split('.');
    const inner = steps.join('.').replace('conv_shortcut', 'nin_shortcut');
    const attention = /^mid_block\.attentions\.0\.(.+)$/.exec(inner)?.[1];
    if (attention !== undefined)
      return `${side}.mid.attn_1.${VAE_ATTENTION[attention] ?? attention}`;
    const mid = /^mid_block\.resnets\.(\d)\.(.+)$/.exec(inner);
    if (mid !== null) return `${side}.mid.block_${Number(mid[1]) + 1}.${mid[2]}`;
    const level = /^(down|up)_blocks\.(\d+)\.(.+)$/.exec(inner);
    if (level !== null) {
      const [, way = '', index = '', rest = ''] = level;
      const n = way === 'up' ? levels.size - 1 - Number(index) : Number(index);
      const what = rest
        .replace('resnets.', 'block.')
        .replace(/^(down|up)samplers\.0\./, '$1sample.');
      return `${side}.${way}.${n}.${what}`;
    }
    return inner === '' ? side : `${side}.${inner.replace('conv_norm_out', 'norm_out')}`;
  });
}

function mapped(names: readonly string[], rename: (path: string) => string): Map<string, string> {
  return new Map(
    names.map((name) => {
      const end = name.lastIndexOf('.');
      return [name, rename(name.slice(0, end)) + name.slice(end)];
    }),
  );
}
