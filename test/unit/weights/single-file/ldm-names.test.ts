/**
 * CompVis' names, made here from diffusers' names by the rules the other way round, come back as they were.
 */

import { describe, expect, it } from 'vitest';
import { controlNetConfig, unetConfig, vaeConfig } from '../../../../src/models/derived-configs.ts';
import { parseControlNetConfig, parseUNetConfig } from '../../../../src/networks/unet-config.ts';
import { parseVaeConfig } from '../../../../src/networks/vae-config.ts';
import { ldmUNet } from '../../../../src/weights/single-file/ldm-unet.ts';
import { ldmVae } from '../../../../src/weights/single-file/ldm-vae.ts';
import {
  describedCheckpoint,
  describedComponent,
  type Shapes,
} from '../../../support/described-checkpoint.ts';

const RESNET: Readonly<Record<string, string>> = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
};

const PLAIN: readonly (readonly [RegExp, string])[] = [
  [/^conv_in\./, 'input_blocks.0.0.'],
  [/^conv_norm_out\./, 'out.0.'],
  [/^conv_out\./, 'out.2.'],
  [/^time_embedding\.linear_1\./, 'time_embed.0.'],
  [/^time_embedding\.linear_2\./, 'time_embed.2.'],
  [/^add_embedding\.linear_1\./, 'label_emb.0.0.'],
  [/^add_embedding\.linear_2\./, 'label_emb.0.2.'],
  [/^controlnet_mid_block\./, 'middle_block_out.0.'],
  [/^controlnet_cond_embedding\.conv_in\./, 'input_hint_block.0.'],
  [/^controlnet_cond_embedding\.conv_out\./, 'input_hint_block.14.'],
];

/** Two layers a level, as in all published Stable Diffusion models. */
function ldmName(name: string, hasAttention: (upBlock: number) => boolean): string {
  for (const [pattern, to] of PLAIN) if (pattern.test(name)) return name.replace(pattern, to);
  const resnet = (path: string): string => {
    const [part = '', ...kind] = path.split('.');
    return [RESNET[part] ?? part, ...kind].join('.');
  };
  let m = /^down_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.+)$/.exec(name);
  if (m !== null) {
    const [, i, what, j, rest = ''] = m;
    const block = 1 + 3 * Number(i) + Number(j);
    return `input_blocks.${block}.${what === 'resnets' ? `0.${resnet(rest)}` : `1.${rest}`}`;
  }
  m = /^down_blocks\.(\d)\.downsamplers\.0\.conv\.(.+)$/.exec(name);
  if (m !== null) return `input_blocks.${3 + 3 * Number(m[1])}.0.op.${m[2]}`;
  m = /^mid_block\.(resnets|attentions)\.(\d)\.(.+)$/.exec(name);
  if (m !== null) {
    const [, what, j, rest = ''] = m;
    return what === 'attentions'
      ? `middle_block.1.${rest}`
      : `middle_block.${2 * Number(j)}.${resnet(rest)}`;
  }
  m = /^up_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.+)$/.exec(name);
  if (m !== null) {
    const [, i, what, j, rest = ''] = m;
    const block = 3 * Number(i) + Number(j);
    return `output_blocks.${block}.${what === 'resnets' ? `0.${resnet(rest)}` : `1.${rest}`}`;
  }
  m = /^up_blocks\.(\d)\.upsamplers\.0\.conv\.(.+)$/.exec(name);
  if (m !== null) {
    const i = Number(m[1]);
    return `output_blocks.${3 * i + 2}.${hasAttention(i) ? 2 : 1}.conv.${m[2]}`;
  }
  m = /^controlnet_down_blocks\.(\d+)\.(.+)$/.exec(name);
  if (m !== null) return `zero_convs.${m[1]}.0.${m[2]}`;
  m = /^controlnet_cond_embedding\.blocks\.(\d)\.(.+)$/.exec(name);
  if (m !== null) return `input_hint_block.${2 * (Number(m[1]) + 1)}.${m[2]}`;
  throw new Error(`no rule for ${name}`);
}

function ldmVaeName(name: string): string {
  return name
    .replace(/^(encoder|decoder)\.mid_block\.resnets\.(\d)/, (_, side, i) => {
      return `${side as string}.mid.block_${Number(i) + 1}`;
    })
    .replace('mid_block.attentions.0.group_norm', 'mid.attn_1.norm')
    .replace(/mid_block\.attentions\.0\.to_(q|k|v)/, 'mid.attn_1.$1')
    .replace('mid_block.attentions.0.to_out.0', 'mid.attn_1.proj_out')
    .replace(/down_blocks\.(\d)\.resnets\.(\d)/, 'down.$1.block.$2')
    .replace(/down_blocks\.(\d)\.downsamplers\.0/, 'down.$1.downsample')
    .replace(
      /up_blocks\.(\d)\.resnets\.(\d)/,
      (_, i, j) => `up.${3 - Number(i)}.block.${String(j)}`,
    )
    .replace(/up_blocks\.(\d)\.upsamplers\.0/, (_, i) => `up.${3 - Number(i)}.upsample`)
    .replace('conv_shortcut', 'nin_shortcut')
    .replace('conv_norm_out', 'norm_out');
}

function renamedShapes(shapes: Shapes, rename: (name: string) => string, prefix: string): Shapes {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [prefix + rename(name), shape]),
  );
}

describe('a UNet under the names of CompVis', () => {
  it.each([
    ['sd15/unet', { count: 8 }],
    ['sd21/unet', { width: 64 }],
    ['sdxl/unet', { width: 64 }],
  ] as const)('%s', (component, heads) => {
    const { shapes, config } = describedComponent(component);
    const hasAttention = (i: number): boolean =>
      Object.keys(shapes).some((name) => name.startsWith(`up_blocks.${i}.attentions.`));
    const prefix = 'model.diffusion_model.';
    const file = describedCheckpoint(
      renamedShapes(shapes, (name) => ldmName(name, hasAttention), prefix),
    );
    const back = ldmUNet(file, prefix);
    expect([...back.tensors.keys()].toSorted()).toEqual(Object.keys(shapes).toSorted());
    const constants = { heads, sampleSize: 64, scalingFactor: 1 };
    expect(parseUNetConfig(unetConfig(back, constants))).toEqual(parseUNetConfig(config));
  });
});

describe('a ControlNet under the names of CompVis', () => {
  it('comes back', () => {
    const { shapes, config } = describedComponent('sd15/controlnet');
    const file = describedCheckpoint(
      renamedShapes(shapes, (name) => ldmName(name, () => true), 'control_model.'),
    );
    const back = ldmUNet(file, 'control_model.', 'controlnet');
    expect([...back.tensors.keys()].toSorted()).toEqual(Object.keys(shapes).toSorted());
    const derived = controlNetConfig(back, { heads: { count: 8 } });
    expect(parseControlNetConfig(derived)).toEqual(parseControlNetConfig(config));
  });
});

describe('an autoencoder under the names of CompVis', () => {
  it('comes back, its 1x1 convolutions as matrices', () => {
    const { shapes, config } = describedComponent('sd15/vae');
    const isMatrix = (name: string): boolean => /attentions\.0\.to_.*weight$/.test(name);
    const wide = Object.entries(shapes).map(([name, shape]) => [
      `first_stage_model.${ldmVaeName(name)}`,
      isMatrix(name) ? [...shape, 1, 1] : shape,
    ]);
    const training = { 'first_stage_model.loss.logvar': [1] };
    const file = describedCheckpoint({ ...Object.fromEntries(wide), ...training });
    const back = ldmVae(file, 'first_stage_model.');
    const found = [...back.tensors].map(([name, entry]) => [name, ...entry.shape].join());
    const expected = Object.entries(shapes).map(([name, shape]) => [name, ...shape].join());
    expect(found.toSorted()).toEqual(expected.toSorted());
    const { isSafeInHalf: _, ...derived } = parseVaeConfig(vaeConfig(back, 0.18215));
    expect(parseVaeConfig(config)).toMatchObject(derived);
  });
});
