/**
 * Emphasis: the weights of a prompt's tokens put into its text states, as A1111's web UI does it.
 */

import type { HostTensor } from '../tensor/host-tensor.ts';

/**
 * Multiplies each token's state by its weight, then all of them by one factor that gives back the mean they had before:
 * z' = z·w·mean(z) / mean(z·w), so that weights move tokens against each other and not the whole.
 *
 * @param state [1, tokens, width].
 * @param weights one for each token; where all are 1 the state itself is returned.
 */
export function emphasized(state: HostTensor, weights: readonly number[]): HostTensor {
  if (weights.every((weight) => weight === 1)) return state;
  const { dims, data } = state;
  const width = data.length / weights.length;
  let before = 0;
  let after = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    before += value;
    after += value * (weights[Math.floor(i / width)] as number);
  }
  // Weights of 0 throughout leave no mean to restore.
  const factor = after === 0 ? 1 : before / after;
  return {
    dims,
    data: data.map((value, i) => value * (weights[Math.floor(i / width)] as number) * factor),
  };
}
