/**
 * The networks of real size that `fullsize.json` describes, as graphs; no weight is ever read.
 */

import type { GraphModule } from '../../../src/graph/builder.ts';
import { clipTextGraph, parseClipTextConfig } from '../../../src/networks/clip-text.ts';
import type { ClipOutput } from '../../../src/networks/clip-text.ts';
import { controlNetGraph } from '../../../src/networks/controlnet.ts';
import type { NetworkOptions } from '../../../src/networks/network.ts';
import { parseControlNetConfig, parseUNetConfig } from '../../../src/networks/unet-config.ts';
import { unetGraph, type UNetOptions } from '../../../src/networks/unet.ts';
import { parseVaeConfig } from '../../../src/networks/vae-config.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../../src/networks/vae.ts';
import {
  describedCheckpoint,
  describedComponent,
  type Shapes,
} from '../../support/described-checkpoint.ts';

/** How a graph is written. */
export type Writing = Pick<NetworkOptions, 'spelling' | 'dtype'>;

/** Every way a graph is written. */
export const WRITINGS: readonly Writing[] = [
  { spelling: 'webgpu', dtype: 'float16' },
  { spelling: 'webgpu', dtype: 'float32' },
  { spelling: 'portable', dtype: 'float16' },
  { spelling: 'portable', dtype: 'float32' },
];

/** Of everything the least: what tests of errors write. */
export const PLAIN: Writing = { spelling: 'webgpu', dtype: 'float16' };

/** A part of a component that is a graph of its own, and which of the component's tensors belong to it. */
export type Part = {
  readonly name: string;
  readonly write: (options: NetworkOptions, shapes?: Shapes) => GraphModule;
  readonly owns: (tensor: string) => boolean;
};

const ALL_TEXT: readonly ClipOutput[] = [
  { kind: 'hidden', name: 'penultimate', layer: -2, normed: false },
  { kind: 'hidden', name: 'last', layer: -1, normed: true },
];

/** The UNet of a component. */
export function writeUNet(name: string, options: UNetOptions, shapes?: Shapes): GraphModule {
  const described = describedComponent(name);
  const checkpoint = describedCheckpoint(shapes ?? described.shapes, name);
  return unetGraph(parseUNetConfig(described.config), checkpoint, options);
}

/** The text encoder of a component with these outputs. */
export function writeText(
  name: string,
  outputs: readonly ClipOutput[],
  options: NetworkOptions = PLAIN,
  shapes?: Shapes,
): GraphModule {
  const described = describedComponent(name);
  const checkpoint = describedCheckpoint(shapes ?? described.shapes, name);
  return clipTextGraph(parseClipTextConfig(described.config), checkpoint, { ...options, outputs });
}

/** The graphs of a component. */
export function partsOf(name: string): Part[] {
  const { config, shapes: own } = describedComponent(name);
  const checkpoint = (shapes: Shapes = own) => describedCheckpoint(shapes, name);
  switch (config['_class_name']) {
    case 'UNet2DConditionModel':
      return [
        { name, write: (options, shapes) => writeUNet(name, options, shapes), owns: () => true },
      ];
    case 'ControlNetModel':
      return [
        {
          name,
          write: (options, shapes) =>
            controlNetGraph(parseControlNetConfig(config), checkpoint(shapes), options),
          owns: () => true,
        },
      ];
    case 'AutoencoderKL':
      return [
        {
          name: `${name} decoder`,
          write: (options, shapes) =>
            vaeDecoderGraph(parseVaeConfig(config), checkpoint(shapes), options),
          owns: (tensor) => /^(decoder|post_quant_conv)\./.test(tensor),
        },
        {
          name: `${name} encoder`,
          write: (options, shapes) =>
            vaeEncoderGraph(parseVaeConfig(config), checkpoint(shapes), options),
          owns: (tensor) => /^(encoder|quant_conv)\./.test(tensor),
        },
      ];
    default: {
      const { hasProjection } = parseClipTextConfig(config);
      const pooled = { kind: 'pooled', name: 'pooled', projected: hasProjection } as const;
      const outputs = [...ALL_TEXT, pooled];
      return [
        {
          name,
          write: (options, shapes) => writeText(name, outputs, options, shapes),
          owns: (tensor) => !tensor.includes('embeddings.'),
        },
      ];
    }
  }
}
