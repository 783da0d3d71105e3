/**
 * CompVis' names of an AutoencoderKL's tensors, as diffusers calls them.
 *
 * CompVis counts the decoder's levels from the smallest one; its attention is made of 1x1 convolutions where diffusers has
 * matrices: the same numbers in the same order.
 */

import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { renamed, withPrefix } from './renamed.ts';

const ATTENTION: Readonly<Record<string, string>> = {
  norm: 'group_norm',
  q: 'to_q',
  k: 'to_k',
  v: 'to_v',
  proj_out: 'to_out.0',
};

/** Whether these are CompVis' names. */
export function isLdmVae(checkpoint: Checkpoint, prefix: string): boolean {
  return checkpoint.tensors.has(`${prefix}decoder.mid.block_1.conv1.weight`);
}

/** The autoencoder whose names begin with `prefix`, under diffusers' names; what belongs to its training is left out. */
export function ldmVae(checkpoint: Checkpoint, prefix: string): Checkpoint {
  const levels = levelCount(checkpoint, prefix);
  return renamed(checkpoint, prefix, 'vae', (entry) => {
    const isTraining = /^(?:loss|model_ema)\./.test(entry.name);
    return isTraining ? [] : [diffusersEntry(entry, levels)];
  });
}

function levelCount({ tensors }: Checkpoint, prefix: string): number {
  let count = 0;
  while (tensors.has(`${prefix}decoder.up.${count}.block.0.conv1.weight`)) count++;
  return count;
}

function diffusersEntry(entry: TensorEntry, levels: number): TensorEntry {
  const [side = '', ...steps] = entry.name.split('.');
  const path = steps.join('.');
  const attention = /^mid\.attn_1\.(norm|q|k|v|proj_out)\.(weight|bias)$/.exec(path);
  if (attention !== null) {
    const [, part = '', kind = ''] = attention;
    const shape = entry.shape.length === 4 ? entry.shape.slice(0, 2) : entry.shape;
    const name = `${side}.mid_block.attentions.0.${ATTENTION[part] ?? part}.${kind}`;
    return { ...entry, name, shape };
  }
  return { ...entry, name: `${side}${path === '' ? '' : '.'}${blockName(path, levels)}` };
}

function blockName(path: string, levels: number): string {
  const renamedPath = path.replace('nin_shortcut', 'conv_shortcut');
  const mid = /^mid\.block_(\d)\.(.+)$/.exec(renamedPath);
  if (mid !== null) return `mid_block.resnets.${Number(mid[1]) - 1}.${mid[2]}`;
  const level = /^(down|up)\.(\d+)\.(block|downsample|upsample)\.(.+)$/.exec(renamedPath);
  if (level !== null) {
    const [, way = '', index = '', what = '', rest = ''] = level;
    const i = way === 'up' ? levels - 1 - Number(index) : Number(index);
    const inner = what === 'block' ? `resnets.${rest}` : `${what}rs.0.${rest}`;
    return `${way}_blocks.${i}.${inner}`;
  }
  return withPrefix(renamedPath, 'norm_out', 'conv_norm_out') ?? renamedPath;
}
