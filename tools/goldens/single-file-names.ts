/**
 * What CompVis' single files call the tensors of diffusers' networks: the way back from what the loader does, to write
 * such files for measurements. Checked in tests against a file that diffusers' own script wrote.
 */

import { ldmPaths } from '../../src/weights/single-file/ldm-names.ts';

const VAE_ATTENTION: Readonly<Record<string, string>> = {
  group_norm: 'norm',
  to_q: 'q',
  to_k: 'k',
  to_v: 'v',
  'to_out.0': 'proj_out',
};

/** Names of a UNet's tensors, given all of them under diffusers' names. */
export function compVisUNetNames(names: readonly string[]): Map<string, string> {
  const nameOf = ldmPaths(new Set(names.map((name) => name.slice(0, name.lastIndexOf('.')))));
  return mapped(names, (path) => {
    const name = nameOf(path);
    if (name === undefined) throw new Error(`CompVis has no name for ${path}`);
    return name;
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
