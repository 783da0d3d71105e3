/**
 * What a network's output means: the picture and the noise in a sample, told apart.
 *
 * Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models" (2022), section 4 and
 * appendix D, for the velocity v = a·eps - s·x0.
 */

import { EngineError } from '../errors.ts';
import type { ConfigReader } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import type { Level } from './noise-table.ts';

/** What a network was trained to say: the noise, the velocity, or the picture. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** A sample taken apart: x = a·original + s·noise. */
export type Prediction = { readonly original: Combination; readonly noise: Combination };

/** The prediction type of a scheduler_config.json; clipping and thresholding, which is not linear, are not for latents. */
export function predictionType(json: ConfigReader): PredictionType {
  json.only('thresholding', false, null);
  return json.choice<PredictionType>(
    'prediction_type',
    ['epsilon', 'v_prediction', 'sample'],
    'epsilon',
  );
}

/** Takes apart the network's input `x`, of level `{ a, s }`, by what it said about it. */
export function predict(
  type: PredictionType,
  x: Combination,
  output: Combination,
  { a, s }: Level,
): Prediction {
  switch (type) {
    case 'epsilon':
      if (a === 0) throw nothingLeft();
      return { original: sum([1 / a, x], [-s / a, output]), noise: output };
    case 'v_prediction':
      return { original: sum([a, x], [-s, output]), noise: sum([s, x], [a, output]) };
    case 'sample':
      return { original: output, noise: sum([1 / s, x], [-a / s, output]) };
  }
}

function nothingLeft(): EngineError {
  return new EngineError(
    'invalid-argument',
    'Noise schedules that end in pure noise (rescale_betas_zero_snr) need a network that predicts velocity ' +
      '(v_prediction), or a timestep spacing that leaves the last timestep out (leading).',
  );
}
