/**
 * Computes the small inputs of a UNet or ControlNet from what a sampler and a text encoder know.
 */

import { EngineError } from '../errors.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { sinusoid } from './sinusoid.ts';
import type { TrunkConfig } from './unet-config.ts';

/** `time_proj` [batch, C0] for one timestep a picture. */
export function timeProjection(config: TrunkConfig, timesteps: ArrayLike<number>): HostTensor {
  const width = config.levels[0]?.channels ?? 0;
  const { flipSinToCos, freqShift } = config;
  return {
    dims: [timesteps.length, width],
    data: sinusoid(timesteps, width, { flipSinToCos, freqShift }),
  };
}

/**
 * `added_cond` of SDXL: the pooled text embedding [batch, P] followed by the sinusoids of the six sizes
 * (original height and width, crop top and left, target height and width) of each picture.
 */
export function addedConditions(
  config: TrunkConfig,
  textEmbeds: HostTensor,
  timeIds: ArrayLike<number>,
): HostTensor {
  const { added } = config;
  if (added === undefined)
    throw new EngineError('invalid-argument', 'this UNet takes no added conditions');
  const [batch = 0, textWidth] = textEmbeds.dims;
  if (textWidth !== added.textWidth || timeIds.length !== batch * added.sizes) {
    throw new EngineError(
      'invalid-argument',
      `text_embeds must be [batch, ${added.textWidth}] with ${added.sizes} time_ids for each, ` +
        `got [${textEmbeds.dims.join(', ')}] and ${timeIds.length}`,
    );
  }
  const { flipSinToCos, freqShift } = config;
  const waves = sinusoid(timeIds, added.sizeWidth, { flipSinToCos, freqShift });
  const waveWidth = added.sizes * added.sizeWidth;
  const width = textWidth + waveWidth;
  const data = new Float32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    data.set(textEmbeds.data.subarray(row * textWidth, (row + 1) * textWidth), row * width);
    data.set(waves.subarray(row * waveWidth, (row + 1) * waveWidth), row * width + textWidth);
  }
  return { dims: [batch, width], data };
}
