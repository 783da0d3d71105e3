/**
 * The graphs whose placement is looked at: every network of full size, and its variants.
 */

import type { ComponentGraphOptions } from './components.ts';

/** A graph to be made, and how it is called. */
export type PlacementGraph = {
  readonly title: string;
  readonly component: string;
  readonly variant: Omit<ComponentGraphOptions, 'spelling' | 'dtype'>;
  /** Transpose nodes that belong to it. */
  readonly transposes: number;
};

const plain = { variant: {}, transposes: 0 };

/** See the file's header. */
export const PLACEMENT_GRAPHS: readonly PlacementGraph[] = [
  { title: 'SD 1.5 UNet', component: 'sd15/unet', ...plain },
  { title: 'SD 2.1 UNet', component: 'sd21/unet', ...plain },
  { title: 'SDXL UNet', component: 'sdxl/unet', ...plain },
  { title: 'LCM UNet', component: 'lcm/unet', ...plain },
  {
    title: 'SD 1.5 UNet for sizes that crop',
    component: 'sd15/unet',
    variant: { isRagged: true },
    transposes: 0,
  },
  {
    title: 'SD 1.5 UNet with two ControlNets',
    component: 'sd15/unet',
    variant: { controlNets: 2 },
    transposes: 0,
  },
  {
    title: 'SD 1.5 UNet with attention in 4 pieces',
    component: 'sd15/unet',
    variant: { attentionChunks: () => 4 },
    transposes: 0,
  },
  {
    title: 'SD 1.5 inpainting UNet',
    component: 'sd15/unet',
    variant: { inChannels: 9 },
    transposes: 0,
  },
  { title: 'SD 1.5 ControlNet', component: 'sd15/controlnet', ...plain },
  { title: 'SD 1.5 text encoder', component: 'sd15/text_encoder', ...plain },
  { title: 'SD 2.1 text encoder', component: 'sd21/text_encoder', ...plain },
  { title: 'SDXL text encoder 2', component: 'sdxl/text_encoder_2', ...plain },
  // The keys of the one wide attention of the middle block.
  { title: 'VAE decoder', component: 'sd15/vae', variant: {}, transposes: 1 },
  {
    title: 'VAE decoder with attention in 4 pieces',
    component: 'sd15/vae',
    variant: { attentionChunks: () => 4 },
    transposes: 1,
  },
  { title: 'VAE encoder', component: 'sd15/vae', variant: { half: 'encoder' }, transposes: 1 },
];
