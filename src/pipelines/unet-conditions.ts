/**
 * What a UNet is told at each step beside latents and timestep: texts, and what some families want to know as well.
 */

import type { DiffusionModel } from '../models/diffusion-model.ts';
import type { UNetInputs } from '../models/network-inputs.ts';
import { guidanceEmbedding } from '../networks/sinusoid.ts';
import type { Conditioning } from './conditioning.ts';

/** What the conditions of a run depend on. */
export type RunFacts = {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly guidanceScale: number;
};

/** Conditions of one step. */
export type UNetConditions = Pick<UNetInputs, 'context' | 'added' | 'timestepCond'>;

/** The conditions of a step (from 1), for every text that counts and every picture. */
export function unetConditions(
  { unet }: DiffusionModel,
  { factors, contextAt, pooledAt }: Conditioning,
  { width, height, samples, guidanceScale }: RunFacts,
): (step: number) => UNetConditions {
  const batch = factors.length * samples;
  // SDXL: the size it is drawn from, where it is cropped, and the size it is to have.
  const sizes = [height, width, 0, 0, height, width];
  const timeIds = Array.from({ length: batch }, () => sizes).flat();
  const { guidanceWidth } = unet.config;
  const timestepCond =
    guidanceWidth === undefined
      ? {}
      : {
          timestepCond: {
            dims: [batch, guidanceWidth],
            data: guidanceEmbedding(Array<number>(batch).fill(guidanceScale), guidanceWidth),
          },
        };
  return (step) => {
    const textEmbeds = pooledAt(step);
    return {
      context: contextAt(step),
      ...(unet.config.added === undefined || textEmbeds === undefined
        ? {}
        : { added: { textEmbeds, timeIds } }),
      ...timestepCond,
    };
  };
}
