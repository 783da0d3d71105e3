/**
 * Small pictures of latents while they are being denoised: a linear map from channels to colours.
 *
 * Good enough to see what is coming, at one pixel for each latent pixel and next to no time. The map of Stable Diffusion's
 * autoencoder is the one that InvokeAI publishes (Apache-2.0); others are fitted, see tools/fit-preview.ts.
 */

import type { HostTensor } from '../tensor/host-tensor.ts';

/** Red, green and blue in about [-1, 1] are sums over channels, plus a bias. */
export type PreviewMap = {
  /** One row [red, green, blue] for each latent channel. */
  readonly factors: readonly (readonly number[])[];
  /** [red, green, blue]; default 0. */
  readonly bias?: readonly number[];
};

/** A small picture: four bytes a pixel, RGBA, rows from the top. */
export type PreviewPicture = {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
};

/** For the autoencoder of SD 1.x and 2.x. */
export const SD_PREVIEW: PreviewMap = {
  factors: [
    [0.3444, 0.1385, 0.067],
    [0.1247, 0.4027, 0.1494],
    [-0.3192, 0.2513, 0.2103],
    [-0.1307, -0.1874, -0.7445],
  ],
};

/** For the autoencoder of SDXL. */
export const SDXL_PREVIEW: PreviewMap = {
  factors: [
    [0.3816, 0.493, 0.532],
    [-0.3753, 0.1631, 0.1739],
    [0.177, 0.3588, -0.2048],
    [-0.435, -0.2644, -0.4289],
  ],
};

/** A picture for each of the latents [B, C, H, W], scaled as the UNet sees them. Channels beyond the map's are not seen. */
export function previewPictures(
  { data, dims }: HostTensor,
  { factors, bias = [] }: PreviewMap,
): PreviewPicture[] {
  const [batch = 1, channels = 1, height = 1, width = 1] = dims;
  const plane = height * width;
  return Array.from({ length: batch }, (_, i) => {
    const pixels = new Uint8ClampedArray(plane * 4).fill(255);
    for (const colour of [0, 1, 2]) {
      for (let at = 0; at < plane; at++) {
        let value = bias[colour] ?? 0;
        for (const [channel, row] of factors.entries()) {
          if (channel >= channels) break;
          value += (data[(i * channels + channel) * plane + at] ?? 0) * (row[colour] ?? 0);
        }
        pixels[at * 4 + colour] = (value / 2 + 0.5) * 255;
      }
    }
    return { width, height, data: pixels };
  });
}
