/**
 * A given picture as latents, for image-to-image.
 */

import type { VaeNetwork } from '../models/model-networks.ts';
import type { NoiseSource } from '../rng/noise-source.ts';
import type { LatentDims } from '../runtime/latents/latents.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import { repeatedBatch, type HostTensor } from '../tensor/host-tensor.ts';

/** Options of {@link encodePicture}. */
export type EncodePictureOptions = {
  /** How many pictures are to be made from it: its latents are repeated. */
  readonly samples: number;
  /** Draws from the posterior of an autoencoder that has one. */
  readonly source: NoiseSource;
  readonly run: StageRunOptions;
};

/** Bounds of the logarithm of the variance. */
const LOG_VARIANCE = { min: -30, max: 20 } as const;

/** Scaled latents [samples, C, h, w] of a picture [1, 3, H, W] in [-1, 1]. */
export async function encodePicture(
  vae: VaeNetwork,
  picture: HostTensor,
  { samples, source, run }: EncodePictureOptions,
): Promise<HostTensor> {
  const { scalingFactor, latentChannels } = vae.config;
  const { dims, data } = (await vae.encode(picture, run)) as HostTensor;
  const [, channels = 0, height = 0, width = 0] = dims;
  const count = latentChannels * height * width;
  const latents = channels === latentChannels ? data : drawn(data, count, source.normal(count));
  const scaled = latents.map((value) => value * scalingFactor);
  return repeatedBatch({ dims: [1, latentChannels, height, width], data: scaled }, samples);
}

/** Draws the random numbers that encoding would, without encoding: what comes next then is as if it had been done. */
export function drawPosterior(
  vae: VaeNetwork,
  [, channels, height, width]: LatentDims,
  source: NoiseSource,
): void {
  if (vae.hasPosterior) source.normal(channels * height * width);
}

/** A draw from a diagonal Gaussian: mean, then logarithm of the variance, one behind the other. */
function drawn(
  moments: Float32Array<ArrayBuffer>,
  count: number,
  noise: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  return noise.map((value, i) => {
    const logVariance = Math.min(
      LOG_VARIANCE.max,
      Math.max(LOG_VARIANCE.min, moments[count + i] as number),
    );
    return (moments[i] as number) + Math.exp(logVariance / 2) * value;
  });
}
