/**
 * A model's networks from its parts: the one place that tells our graphs from exported ones.
 */

import type { Runtime } from '../runtime/runtime.ts';
import type { QuantisableOptions } from '../runtime/stage.ts';
import { ExportedTextEncoder } from './exported/exported-text-encoder.ts';
import { ExportedUNet } from './exported/exported-unet.ts';
import { ExportedVae } from './exported/exported-vae.ts';
import type { TextNetwork, UNetNetwork, VaeNetwork } from './model-networks.ts';
import type { NetworkPart, VaePart } from './model-parts.ts';
import { TextEncoder as ClipTextEncoder } from './text-encoder.ts';
import { UNet } from './unet.ts';
import { Autoencoder } from './vae.ts';

/** Scaling factors of Stable Diffusion's autoencoders, for exports without a config.json. */
const SCALING_FACTOR = { sd: 0.18215, xl: 0.13025 } as const;

/** A text encoder; exported ones have the weights that their file has, whatever the options say. */
export function textNetwork(
  runtime: Runtime,
  { config, checkpoint, exported }: NetworkPart,
  options: QuantisableOptions = {},
): TextNetwork {
  return exported === undefined
    ? new ClipTextEncoder(runtime, config, checkpoint, options)
    : new ExportedTextEncoder(runtime, config, exported);
}

/** A UNet; the same. */
export function unetNetwork(
  runtime: Runtime,
  { config, checkpoint, exported }: NetworkPart,
  options: QuantisableOptions = {},
): UNetNetwork {
  return exported === undefined
    ? new UNet(runtime, config, checkpoint, options)
    : new ExportedUNet(runtime, config, exported);
}

/** An autoencoder; `isXl` tells the family of an exported one that does not say how its latents are scaled. */
export function vaeNetwork(
  runtime: Runtime,
  { config, checkpoint, exported, exportedEncoder }: VaePart,
  isXl: boolean,
): VaeNetwork {
  if (exported === undefined) return new Autoencoder(runtime, config, checkpoint);
  const files = { decoder: exported, encoder: exportedEncoder };
  return new ExportedVae(runtime, config, files, SCALING_FACTOR[isXl ? 'xl' : 'sd']);
}
