/**
 * Networks that are only imagined: they have the tensors of the published checkpoints, and take the memory that is known.
 */

import { describe, expect, it } from 'vitest';
import { assumedConfigs, type ModelConfigs } from '../../../src/models/families.ts';
import { FootprintPlanner, type StageFootprint } from '../../../src/models/footprint.ts';
import { clipTextGraph, parseClipTextConfig } from '../../../src/networks/clip-text.ts';
import type { JsonConfig } from '../../../src/networks/config.ts';
import { parseUNetConfig } from '../../../src/networks/unet-config.ts';
import { unetGraph } from '../../../src/networks/unet.ts';
import { parseVaeConfig } from '../../../src/networks/vae-config.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../../src/networks/vae.ts';
import { assumedCheckpoint } from '../../../src/weights/assumed-checkpoint.ts';
import type { Checkpoint } from '../../../src/weights/checkpoint.ts';
import { describedComponent } from '../../support/described-checkpoint.ts';
import { MACHINES } from '../../support/machines.ts';

const options = { spelling: 'webgpu', dtype: 'float16' } as const;

const text = (config: JsonConfig, checkpoint: Checkpoint): void => {
  const parsed = parseClipTextConfig(config);
  const all = { kind: 'hidden', name: 'all', layer: -1, normed: true } as const;
  const pooled = { kind: 'pooled', name: 'pooled', projected: parsed.hasProjection } as const;
  clipTextGraph(parsed, checkpoint, { ...options, outputs: [all, pooled] });
};
const unet = (config: JsonConfig, checkpoint: Checkpoint): void => {
  unetGraph(parseUNetConfig(config), checkpoint, options);
};
const vae = (config: JsonConfig, checkpoint: Checkpoint): void => {
  vaeDecoderGraph(parseVaeConfig(config), checkpoint, options);
  vaeEncoderGraph(parseVaeConfig(config), checkpoint, options);
};

function configsOf(family: 'sd1' | 'sd2' | 'sdxl'): ModelConfigs {
  return assumedConfigs({ family }) as ModelConfigs;
}
const lcm = assumedConfigs({
  family: 'sd1',
  configs: { unet: { time_cond_proj_dim: 256 } },
}) as ModelConfigs;

/** Shapes by name, without the tables that prompts are looked up in, which are not in the graph. */
function shapesOf(entries: Iterable<readonly [string, readonly number[]]>): Map<string, string> {
  const named = Array.from(entries, ([name, shape]): [string, string] => [
    name.replace(/^text_model\./, ''),
    // A convolution of single pixels is a matrix, and files have it either way.
    shape.join('x').replace(/x1x1$/, ''),
  ]);
  return new Map(named.filter(([name]) => !name.startsWith('embeddings.')));
}

describe('an imagined checkpoint', () => {
  it.each([
    ['sd15/text_encoder', text, configsOf('sd1').texts[0]],
    ['sd15/unet', unet, configsOf('sd1').unet],
    ['sd15/vae', vae, configsOf('sd1').vae],
    ['lcm/unet', unet, lcm.unet],
    ['sd21/text_encoder', text, configsOf('sd2').texts[0]],
    ['sd21/unet', unet, configsOf('sd2').unet],
    ['sdxl/text_encoder_2', text, configsOf('sdxl').texts[1]],
    ['sdxl/unet', unet, configsOf('sdxl').unet],
  ] as const)('has the tensors that %s was published with', (name, write, config) => {
    const checkpoint = assumedCheckpoint('imagined');
    write(config as JsonConfig, checkpoint);

    const { shapes } = describedComponent(name);
    expect(
      shapesOf(Array.from(checkpoint.tensors, ([tensor, { shape }]) => [tensor, shape] as const)),
    ).toEqual(shapesOf(Object.entries(shapes)));
  });

  it('cannot be read', async () => {
    const checkpoint = assumedCheckpoint('imagined');
    const entry = checkpoint.assume?.('a', [2]);
    await expect(entry?.source.read(0, 4)).rejects.toThrow(/imagined/);
  });
});

/** GB of weights, as published: elements of the tensors that a graph uses, two bytes each. */
const published: readonly (readonly [string, () => StageFootprint | undefined, number])[] = [
  // 123 060 480 parameters less the tables of 49408 + 77 rows of 768.
  ['text encoder of SD 1.5', () => at('sd1').texts[0], 2 * (123_060_480 - 49_485 * 768)],
  ['UNet of SD 1.5', () => at('sd1').unet, 2 * 859_520_964],
  // In f32: its f16 overflows.
  ['VAE decoder', () => at('sd1').decoder, 4 * 49_490_199],
  ['UNet of SDXL', () => at('sdxl').unet, 2 * 2_567_463_684],
];

const planner = new FootprintPlanner(MACHINES['16 GB']);
const whole = { weightBits: 16, hasLightVae: false } as const;

function at(family: 'sd1' | 'sdxl', form = whole) {
  const edge = family === 'sd1' ? 512 : 1024;
  return planner.footprint(configsOf(family), { width: edge, height: edge, rows: 2 }, form);
}

describe('a footprint', () => {
  it.each(published)('has the weights of the %s', (_, stage, bytes) => {
    expect(stage()?.weightBytes).toBeCloseTo(bytes, -6);
  });

  // 1.6 TFLOP is what is commonly given for two rows of SD 1.5 at 512x512, 12 to 13.5 for SDXL at 1024x1024.
  it('has the work of the UNets', () => {
    expect(at('sd1').unet.flops / 1e12).toBeCloseTo(1.6, 1);
    expect(at('sdxl').unet.flops / 1e12).toBeCloseTo(13.5, 0);
  });

  it('reckons with the buffers that onnxruntime keeps: measured were 487 MB and 1085 MB', () => {
    expect(at('sd1').unet.workBytes / 1e6).toBeGreaterThan(0.9 * 487);
    expect(at('sd1').unet.workBytes / 1e6).toBeLessThan(1.15 * 487);
    expect(at('sdxl').unet.workBytes / 1e6).toBeGreaterThan(0.9 * 1085);
    expect(at('sdxl').unet.workBytes / 1e6).toBeLessThan(1.15 * 1085);
  });

  it('is smaller with fewer bits and with TAESD', () => {
    const bytes = ([16, 8, 4] as const).map((weightBits) => {
      const size = { width: 1024, height: 1024, rows: 2 };
      const form = { weightBits, hasLightVae: true };
      return planner.footprint(configsOf('sdxl'), size, form).unet.weightBytes;
    });
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
    expect(new Set(bytes).size).toBe(3);
    const light = { weightBits: 16, hasLightVae: true } as const;
    expect(
      planner.footprint(configsOf('sd1'), { width: 512, height: 512, rows: 2 }, light).decoder
        .workBytes,
    ).toBeLessThan(at('sd1').decoder.workBytes / 4);
  });

  it('decodes in tiles where the device has small buffers', () => {
    const small = new FootprintPlanner(MACHINES['8 GB, least limits']);
    const size = { width: 512, height: 512, rows: 2 };
    const { tiles, decoder } = small.footprint(configsOf('sd1'), size, whole);
    expect(tiles).toBeGreaterThan(1);
    expect(decoder.problem).toBeUndefined();
  });

  it('has seconds where the machine was measured', () => {
    const rates = { convolution: 1e12, matmul: 1e12, attention: 1e12, bytes: 1e15 };
    const machine = { ...MACHINES['16 GB'], throughput: { float16: rates, float32: rates } };
    const measured = new FootprintPlanner(machine);
    const size = { width: 512, height: 512, rows: 2 };
    const { unet: network } = measured.footprint(configsOf('sd1'), size, whole);
    // At 10^12 operations a second.
    expect(network.seconds).toBeCloseTo(network.flops / 1e12, 1);
    expect(at('sd1').unet.seconds).toBeUndefined();
  });
});

describe('an upscaler', () => {
  const enlarger = new FootprintPlanner(MACHINES['8 GB']);
  const size = { width: 512, height: 512 };

  // As many parameters as Real-ESRGAN's published files have.
  it.each([
    [{ kind: 'rrdb', features: 64, growth: 32, blocks: 23, unshuffle: 1 }, 16_697_987],
    [{ kind: 'compact', features: 64, convolutions: 34, scale: 4 }, 1_213_296],
  ] as const)('%j has as many weights as the published one', (config, parameters) => {
    const { tile } = enlarger.enlarging(config, size);
    expect(tile.weightBytes).toBe(2 * parameters);
    expect(tile.problem).toBeUndefined();
  });

  it('is cut into tiles that cover the picture within their memory', () => {
    const config = { kind: 'rrdb', features: 64, growth: 32, blocks: 23, unshuffle: 1 } as const;
    const { tile, tiles } = enlarger.enlarging(config, size);
    expect(tile.workBytes).toBeLessThanOrEqual(256 * 2 ** 20);
    const along = Math.sqrt(tiles.count);
    expect(along * tiles.width - (along - 1) * 20).toBeGreaterThanOrEqual(512);
    const small = enlarger.enlarging(config, { width: 64, height: 48 });
    expect(small.tiles).toEqual({ count: 1, width: 64, height: 48 });
  });
});
