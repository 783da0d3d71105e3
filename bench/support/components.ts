/**
 * The components of `fullsize.json` as graphs: which network function a config belongs to, and the variants of it
 * that measurements ask for. Weights are computed as they are read, so that a graph alone costs no memory.
 */

import { readFile } from 'node:fs/promises';

import type { GraphModule } from '../../src/graph/builder.ts';
import { clipTextGraph, parseClipTextConfig } from '../../src/networks/clip-text.ts';
import { controlNetGraph } from '../../src/networks/controlnet.ts';
import type { NetworkOptions } from '../../src/networks/network.ts';
import { parseControlNetConfig, parseUNetConfig } from '../../src/networks/unet-config.ts';
import { unetGraph, type UNetOptions } from '../../src/networks/unet.ts';
import { parseVaeConfig } from '../../src/networks/vae-config.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../src/networks/vae.ts';
import { openFullsize, type Fullsize } from '../../tools/goldens/fullsize.ts';
import { generatedCheckpoint } from '../../tools/goldens/formula.ts';

/** Where the goldens are, seen from the project's root. */
export const GOLDENS = 'test/goldens';

/** Opens `fullsize.json` of a folder. */
export function openGoldens(folder: string = GOLDENS): Promise<Fullsize> {
  return openFullsize((name) => readFile(`${folder}/${name}`));
}

/** Options of {@link componentGraph}. */
export type ComponentGraphOptions = NetworkOptions &
  Pick<UNetOptions, 'controlNets' | 'isRagged'> & {
    /** Of an autoencoder; default the decoder. */
    readonly half?: 'decoder' | 'encoder';
    /** Of a UNet: channels of its input instead of the config's (9 for inpainting models). */
    readonly inChannels?: number;
  };

/** The graph of a component of `fullsize.json`, such as `sd15/unet`. */
export async function componentGraph(
  file: Fullsize,
  name: string,
  options: ComponentGraphOptions,
): Promise<GraphModule> {
  const config = file.config(name);
  const { inChannels } = options;
  if (inChannels !== undefined) return widerUnet(file, name, { ...options, inChannels });
  const checkpoint = await file.checkpoint(name);
  const kind = kindOf(config);
  switch (kind) {
    case 'UNet2DConditionModel':
      return unetGraph(parseUNetConfig(config), checkpoint, options);
    case 'ControlNetModel':
      return controlNetGraph(parseControlNetConfig(config), checkpoint, options);
    case 'AutoencoderKL': {
      const build = options.half === 'encoder' ? vaeEncoderGraph : vaeDecoderGraph;
      return build(parseVaeConfig(config), checkpoint, options);
    }
    case 'CLIPTextModel':
    case 'CLIPTextModelWithProjection': {
      const pooled = { kind: 'pooled', name: 'text_embeds', projected: true } as const;
      const hidden = { kind: 'hidden', name: 'hidden', layer: -1, normed: true } as const;
      const outputs = kind === 'CLIPTextModel' ? [hidden] : [hidden, pooled];
      return clipTextGraph(parseClipTextConfig(config), checkpoint, { ...options, outputs });
    }
    default:
      throw new Error(`unknown component class ${kind}`);
  }
}

/** The class that a config says it is of. */
function kindOf(config: Record<string, unknown>): string {
  const architectures = config['architectures'] as string[] | undefined;
  return (config['_class_name'] as string | undefined) ?? architectures?.[0] ?? 'nothing';
}

async function widerUnet(
  file: Fullsize,
  name: string,
  options: UNetOptions & { readonly inChannels: number },
): Promise<GraphModule> {
  const { seed, components } = file.golden.json;
  const { inChannels } = options;
  const tensors = { ...components[name]!.tensors };
  const [[out], base, e] = tensors['conv_in.weight'] as readonly [number[], number, number];
  tensors['conv_in.weight'] = [[out!, inChannels, 3, 3], base, e];
  const checkpoint = await generatedCheckpoint(seed, `${name}-${inChannels}`, tensors);
  const config = parseUNetConfig({ ...file.config(name), in_channels: inChannels });
  return unetGraph(config, checkpoint, options);
}
