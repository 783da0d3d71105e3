/**
 * Noise that is added at the beginning of a step, so that the step takes more away again: Karras et al.,
 * "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), algorithm 2, lines 4 to 6.
 */

import { EngineError } from '../errors.ts';
import type { Churn } from './sampler.ts';

/** The most that a sigma is raised by, as a share of it: noise is at most doubled (its variance, that is). */
const MOST = Math.SQRT2 - 1;

/** The sigma that a step of `steps` starts from: `sigma`, or more. Throws EngineError `invalid-argument`. */
export function churned(
  sigma: number,
  { amount, from = 0, to = Infinity, noise = 1 }: Churn,
  steps: number,
): number {
  if (!(amount >= 0 && noise >= 0 && Number.isFinite(noise))) {
    const given = `an amount of ${amount} and noise of ${noise}`;
    throw new EngineError('invalid-argument', `churn takes numbers from 0 on, got ${given}.`);
  }
  const gamma = sigma >= from && sigma <= to ? Math.min(amount / steps, MOST) : 0;
  return sigma * (1 + gamma);
}

/** The standard deviation of the noise between two sigmas, as S_noise inflates it. */
export function churnNoise(sigma: number, hat: number, { noise = 1 }: Churn): number {
  return noise * Math.sqrt(hat ** 2 - sigma ** 2);
}
