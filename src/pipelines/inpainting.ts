/**
 * Repainting a part of a picture: what is outside the mask stays as it was.
 *
 * Two kinds of models: those trained for it see mask and masked picture as five further channels of the UNet; with all
 * others, the picture at the noise of the step is pasted outside the mask after every step. Matches diffusers'
 * StableDiffusionInpaintPipeline.
 */

import { EngineError } from '../errors.ts';
import type { DiffusionModel } from '../models/diffusion-model.ts';
import type { LatentDims } from '../runtime/latents/latents.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { Mixture } from '../samplers/sampler.ts';
import type { NoiseSource } from '../rng/noise-source.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { LatentSpace } from './latent-space.ts';
import { drawPosterior, encodePicture } from './picture-latents.ts';

/** Channels of the UNet beside the latents: the mask and the masked picture's latents. */
const MASK_CHANNELS = 1;

/** Pixels with at least this value are repainted. */
const THRESHOLD = 0.5;

/** What an inpainting run needs to know. */
export type InpaintingOptions = {
  /** [1, 3, H, W] in [-1, 1]. */
  readonly picture: HostTensor;
  /** [1, 1, H, W]: 1 where the picture is repainted, 0 where it stays. */
  readonly mask: HostTensor;
  readonly dims: LatentDims;
  readonly source: NoiseSource;
  readonly run: StageRunOptions;
};

/** Pastes what stays into a sample, in place. */
export type Paste<Buffer> = (sample: Buffer, level: Mixture) => Promise<void>;

/** Whether the UNet was trained to inpaint. */
export function isInpaintingModel({ unet, vae }: DiffusionModel): boolean {
  return unet.config.inChannels === 2 * vae.config.latentChannels + MASK_CHANNELS;
}

/**
 * The further channels [samples, 5, h, w] of a model that was trained to inpaint; undefined for other models, for which the
 * same random numbers are drawn.
 */
export async function inpaintingChannels(
  model: DiffusionModel,
  { picture, mask, dims, source, run }: InpaintingOptions,
): Promise<HostTensor | undefined> {
  if (!isInpaintingModel(model)) {
    drawPosterior(model.vae, dims, source);
    return undefined;
  }
  const [samples, channels, height, width] = dims;
  const hidden = binary(mask);
  const plane = hidden.data.length;
  const masked = picture.data.map((value, i) => (hidden.data[i % plane] === 1 ? 0 : value));
  const options = { samples, source, run };
  const latents = await encodePicture(model.vae, { dims: picture.dims, data: masked }, options);
  const small = shrunk(hidden, height, width);
  const each = height * width;
  const data = new Float32Array(samples * (MASK_CHANNELS + channels) * each);
  for (let i = 0; i < samples; i++) {
    const at = i * (MASK_CHANNELS + channels) * each;
    data.set(small, at);
    data.set(latents.data.subarray(i * channels * each, (i + 1) * channels * each), at + each);
  }
  return { dims: [samples, MASK_CHANNELS + channels, height, width], data };
}

/** What a model that was not trained to inpaint does after each step. */
export async function pasting<Buffer>(
  { latents: { store }, fill }: LatentSpace<Buffer>,
  { mask, dims }: Pick<InpaintingOptions, 'mask' | 'dims'>,
  { picture, noise }: { picture: Float32Array<ArrayBuffer>; noise: Float32Array<ArrayBuffer> },
): Promise<Paste<Buffer>> {
  const [, , height, width] = dims;
  const small = shrunk(binary(mask), height, width);
  const inside = picture.map((_, i) => small[i % small.length] ?? 0);
  const outside = (values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
    values.map((value, i) => value * (1 - (inside[i] ?? 0)));
  const [kept, painted, noised] = [
    await fill(outside(picture)),
    await fill(inside),
    await fill(outside(noise)),
  ];
  return async (sample, level) => {
    const within = store.acquire();
    await store.multiply(within, painted, sample);
    await store.combine(sample, [
      { buffer: within, coefficient: 1 },
      { buffer: kept, coefficient: level.picture },
      { buffer: noised, coefficient: level.noise },
    ]);
    store.release(within);
  };
}

/** Refuses a mask of another size than the picture's. */
export function checkMask(mask: HostTensor, { dims }: HostTensor): void {
  const expected = [1, 1, dims[2], dims[3]];
  if (mask.dims.join() === expected.join()) return;
  throw new EngineError(
    'invalid-argument',
    `mask must be [${expected.join(', ')}], as the picture is, got [${mask.dims.join(', ')}]`,
    { detail: { field: 'mask', dims: [...mask.dims] } },
  );
}

function binary({ dims, data }: HostTensor): HostTensor {
  return { dims, data: data.map((value) => (value >= THRESHOLD ? 1 : 0)) };
}

/** The mask at the latents' size: of each square its first pixel, as torch's nearest interpolation has it. */
function shrunk(mask: HostTensor, height: number, width: number): Float32Array<ArrayBuffer> {
  const [, , rows = 1, columns = 1] = mask.dims;
  return Float32Array.from({ length: height * width }, (_, i) => {
    const row = Math.floor((Math.floor(i / width) * rows) / height);
    const column = Math.floor(((i % width) * columns) / width);
    return mask.data[row * columns + column] ?? 0;
  });
}
