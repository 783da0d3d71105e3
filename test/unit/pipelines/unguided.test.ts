/**
 * What the answers of the network count where the prompt shall not.
 */

import { describe, expect, test } from 'vitest';
import { unguidedFactors } from '../../../src/pipelines/conditioning.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';

const rest = { contextAt: () => hostTensor([], [0]), pooledAt: () => undefined };

describe('without the prompt', () => {
  test.each([
    [
      [-3, 4],
      [true, false],
      [1, 0],
    ],
    [
      [-2, 2, 1],
      [true, false, false],
      [1, 0, 0],
    ],
    [
      [-1, -1, 3],
      [true, true, false],
      [0.5, 0.5, 0],
    ],
  ])('of %j the negative answers count alone', (factors, isNegative, expected) => {
    expect(unguidedFactors({ factors, isNegative, ...rest })).toEqual(expected);
  });

  test('nothing changes where no negative prompt is asked', () => {
    expect(unguidedFactors({ factors: [1], isNegative: [false], ...rest })).toEqual([1]);
  });
});
