/**
 * Configs and checkpoints that a network refuses, and in which words.
 */

import { describe, expect, test } from 'vitest';
import { parseClipTextConfig } from '../../../src/networks/clip-text.ts';
import type { JsonConfig } from '../../../src/networks/config.ts';
import { parseControlNetConfig, parseUNetConfig } from '../../../src/networks/unet-config.ts';
import { parseTinyVaeConfig, parseVaeConfig } from '../../../src/networks/vae-config.ts';
import { describedComponent } from '../../support/described-checkpoint.ts';
import { partsOf, PLAIN } from './support.ts';

const TINY_VAE = {
  encoder_block_out_channels: [64, 64, 64, 64],
  decoder_block_out_channels: [64, 64, 64, 64],
  num_encoder_blocks: [1, 3, 3, 3],
  num_decoder_blocks: [3, 3, 3, 1],
};
const { config: UNET } = describedComponent('sd15/unet');
const { config: CONTROLNET } = describedComponent('sd15/controlnet');
const { config: VAE } = describedComponent('sd15/vae');
const { config: TEXT } = describedComponent('sd15/text_encoder');

type Row = readonly [parse: (json: JsonConfig) => unknown, base: JsonConfig, change: JsonConfig];

const told = ([parse, , change]: Row): string =>
  `${parse.name.slice('parse'.length)}: ${JSON.stringify(change)}`;

describe('a config that asks for what the network does not have', () => {
  const rows: Row[] = [
    [parseUNetConfig, UNET, { act_fn: 'gelu' }],
    [parseUNetConfig, UNET, { class_embed_type: 'timestep' }],
    [parseUNetConfig, UNET, { num_class_embeds: 1000 }],
    [parseUNetConfig, UNET, { encoder_hid_dim: 4096 }],
    [parseUNetConfig, UNET, { encoder_hid_dim_type: 'image_proj' }],
    [parseUNetConfig, UNET, { only_cross_attention: true }],
    [parseUNetConfig, UNET, { dual_cross_attention: true }],
    [parseUNetConfig, UNET, { resnet_time_scale_shift: 'scale_shift' }],
    [parseUNetConfig, UNET, { time_embedding_type: 'fourier' }],
    [parseUNetConfig, UNET, { attention_type: 'gated' }],
    [parseUNetConfig, UNET, { conv_in_kernel: 5 }],
    [parseUNetConfig, UNET, { mid_block_type: 'UNetMidBlock2D' }],
    [parseUNetConfig, UNET, { mid_block_type: null }],
    [parseUNetConfig, UNET, { addition_embed_type: 'image' }],
    [parseUNetConfig, UNET, { up_block_types: ['UpBlock2D'] }],
    [parseUNetConfig, UNET, { down_block_types: ['SimpleCrossAttnDownBlock2D'] }],
    [parseControlNetConfig, CONTROLNET, { mid_block_scale_factor: 2 }],
    [parseControlNetConfig, CONTROLNET, { controlnet_conditioning_channel_order: 'gbr' }],
    [parseVaeConfig, VAE, { act_fn: 'relu' }],
    [parseVaeConfig, VAE, { shift_factor: 0.0609 }],
    [parseVaeConfig, VAE, { latents_mean: [0, 0, 0, 0] }],
    [parseVaeConfig, VAE, { down_block_types: ['AttnDownEncoderBlock2D'] }],
    [parseTinyVaeConfig, TINY_VAE, { act_fn: 'silu' }],
    [parseTinyVaeConfig, TINY_VAE, { upsampling_scaling_factor: 4 }],
    [parseClipTextConfig, TEXT, { hidden_act: 'gelu_new' }],
  ];
  test.each(rows.map((row) => [told(row), row] as const))('%s', (_, [parse, base, change]) => {
    expect(() => parse(base)).not.toThrow();
    const [field] = Object.keys(change) as [string];
    expect(() => parse({ ...base, ...change })).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringContaining(`${field} = `),
        detail: expect.objectContaining({ field }),
      }),
    );
  });
});

describe('a config that makes no sense', () => {
  const rows: Row[] = [
    [parseUNetConfig, UNET, { block_out_channels: [320, 640] }],
    [parseUNetConfig, UNET, { layers_per_block: 'two' }],
    [parseUNetConfig, UNET, { cross_attention_dim: [768] }],
    [parseUNetConfig, UNET, { down_block_types: undefined }],
    [parseUNetConfig, UNET, { in_channels: '4' }],
    [parseUNetConfig, UNET, { flip_sin_to_cos: 1 }],
    [parseControlNetConfig, CONTROLNET, { conditioning_embedding_out_channels: null }],
    [parseVaeConfig, VAE, { block_out_channels: ['128'] }],
    [parseClipTextConfig, TEXT, { hidden_act: 3 }],
    [parseClipTextConfig, TEXT, { hidden_size: Infinity }],
  ];
  test.each(rows.map((row) => [told(row), row] as const))('%s', (_, [parse, base, change]) => {
    const [field] = Object.keys(change) as [string];
    expect(() => parse({ ...base, ...change })).toThrow(
      expect.objectContaining({
        code: 'model-malformed',
        message: expect.stringContaining(`${field} must be`),
        detail: { field },
      }),
    );
  });
});

describe('a config of another kind', () => {
  test('is read with the libraries’ defaults where it is silent or null', () => {
    const { levels } = parseUNetConfig({ ...UNET, attention_head_dim: undefined });
    expect(levels.map(({ heads }) => heads)).toEqual([8, 8, 8, 8]);
    expect(parseUNetConfig({ ...UNET, norm_eps: null })).toMatchObject({ eps: 1e-5 });
    expect(parseVaeConfig({ ...VAE, scaling_factor: undefined })).toMatchObject({
      scalingFactor: 0.18215,
    });
  });

  test('prefers num_attention_heads to attention_head_dim', () => {
    const { levels } = parseUNetConfig({ ...UNET, num_attention_heads: [1, 2, 4, 8] });
    expect(levels.map(({ heads }) => heads)).toEqual([1, 2, 4, 8]);
  });

  test('is trusted in half precision only where an autoencoder says so itself', () => {
    expect(parseVaeConfig(VAE).isSafeInHalf).toBe(false);
    expect(parseVaeConfig({ ...VAE, force_upcast: true }).isSafeInHalf).toBe(false);
    expect(parseVaeConfig({ ...VAE, force_upcast: false }).isSafeInHalf).toBe(true);
  });
});

const PARTS = ['sd15/text_encoder', 'wide/unet', 'wide/xl', 'sd15/controlnet', 'wide/vae'].flatMap(
  (component) => partsOf(component).map((part) => ({ ...part, component })),
);

describe.each(PARTS)('the checkpoint of $name', ({ write, owns, component }) => {
  const { shapes } = describedComponent(component);
  const own = Object.keys(shapes).filter(owns);

  test.each([0, 0.3, 0.7, 1])('may lack no tensor (at %d of the list)', (part) => {
    const name = own[Math.round(part * (own.length - 1))]!;
    const { [name]: _, ...rest } = shapes;
    expect(() => write(PLAIN, rest)).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message: expect.stringContaining(`no tensor "${name}"`),
      }),
    );
  });

  test('may have no other tensor', () => {
    const more = { ...shapes, 'lora_up.weight': [4, 4] };
    expect(() => write(PLAIN, more)).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message: expect.stringContaining('lora_up.weight'),
        detail: { unused: ['lora_up.weight'] },
      }),
    );
  });

  test.each([0, 0.5, 1])('may have no tensor of another shape (at %d of the list)', (part) => {
    const name = own[Math.round(part * (own.length - 1))]!;
    const wrong = { ...shapes, [name]: shapes[name]!.map((dim) => dim + 1) };
    expect(() => write(PLAIN, wrong)).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message: expect.stringContaining(`${name} has the shape [${wrong[name]!.join(', ')}]`),
      }),
    );
  });
});
