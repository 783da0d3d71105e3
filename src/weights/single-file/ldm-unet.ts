/**
 * CompVis' names of a UNet's and a ControlNet's tensors, as diffusers calls them.
 *
 * CompVis counts through all blocks of the way down and up; diffusers counts levels and the layers in them. How many
 * layers a level has is told by where the first downsampling stands.
 */

import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { OUTER as LDM_OUTER, RESNET_PARTS as LDM_RESNET_PARTS } from './ldm-names.ts';
import { renamed } from './renamed.ts';

const RESNET_PARTS = inverse(LDM_RESNET_PARTS);

/** A ControlNet has one module outside of all blocks more than a UNet. */
const OUTER = inverse({ ...LDM_OUTER, controlnet_mid_block: 'middle_block_out.0' });

function inverse(table: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [value, key]));
}

/** The UNet (or ControlNet) whose names begin with `prefix`, under diffusers' names. */
export function ldmUNet(checkpoint: Checkpoint, prefix: string, part = 'unet'): Checkpoint {
  const span = levelSpan(checkpoint, prefix);
  const hints = hintConvolutions(checkpoint, prefix);
  return renamed(checkpoint, prefix, part, (entry) => {
    const name = diffusersName(entry.name, span, hints);
    return [{ ...entry, name: name ?? entry.name } satisfies TensorEntry];
  });
}

/** Blocks that a level takes on the way down: its layers and one for downsampling. */
function levelSpan({ tensors }: Checkpoint, prefix: string): number {
  const positions = [...tensors.keys()].flatMap((name) => {
    const match = name.startsWith(prefix)
      ? /^input_blocks\.(\d+)\.0\.op\.weight$/.exec(name.slice(prefix.length))
      : null;
    return match === null ? [] : [Number(match[1])];
  });
  return positions.length === 0 ? 3 : Math.min(...positions);
}

/** Indices of the hint network's convolutions, in order. */
function hintConvolutions({ tensors }: Checkpoint, prefix: string): number[] {
  return [...tensors.keys()]
    .flatMap((name) => {
      const match = name.startsWith(prefix)
        ? /^input_hint_block\.(\d+)\.weight$/.exec(name.slice(prefix.length))
        : null;
      return match === null ? [] : [Number(match[1])];
    })
    .toSorted((a, b) => a - b);
}

function diffusersName(name: string, span: number, hints: readonly number[]): string | undefined {
  const end = name.lastIndexOf('.');
  const [path, kind] = [name.slice(0, end), name.slice(end)];
  const outer = OUTER[path];
  if (outer !== undefined) return outer + kind;
  const [block = '', index = '', inner = '', ...rest] = path.split('.');
  const tail = rest.join('.');
  const i = Number(index);
  switch (block) {
    case 'input_blocks': {
      const [level, layer] = [Math.floor((i - 1) / span), (i - 1) % span];
      if (rest[0] === 'op') return `down_blocks.${level}.downsamplers.0.conv${kind}`;
      return inside(`down_blocks.${level}`, layer, inner, tail, kind);
    }
    case 'middle_block':
      return i === 1
        ? inside('mid_block', 0, '1', tailOf(path, 2), kind)
        : inside('mid_block', i / 2, '0', tailOf(path, 2), kind);
    case 'output_blocks': {
      const [level, layer] = [Math.floor(i / span), i % span];
      if (tail === 'conv') return `up_blocks.${level}.upsamplers.0.conv${kind}`;
      return inside(`up_blocks.${level}`, layer, inner, tail, kind);
    }
    case 'zero_convs':
      return `controlnet_down_blocks.${i}${kind}`;
    case 'input_hint_block':
      return hintName(hints.indexOf(i), hints.length) + kind;
    default:
      return undefined;
  }
}

function tailOf(path: string, steps: number): string {
  return path.split('.').slice(steps).join('.');
}

function inside(block: string, layer: number, inner: string, tail: string, kind: string): string {
  if (inner === '1') return `${block}.attentions.${layer}.${tail}${kind}`;
  return `${block}.resnets.${layer}.${RESNET_PARTS[tail] ?? tail}${kind}`;
}

function hintName(at: number, count: number): string {
  if (at === 0) return 'controlnet_cond_embedding.conv_in';
  return at === count - 1
    ? 'controlnet_cond_embedding.conv_out'
    : `controlnet_cond_embedding.blocks.${at - 1}`;
}
