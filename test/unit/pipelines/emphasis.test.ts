/**
 * Weights put into text states.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emphasized } from '../../../src/pipelines/emphasis.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';

test('multiplies tokens by their weights and restores the mean, as computed by hand', () => {
  const state = hostTensor([1, 2, 3, 6], [1, 2, 2]);
  // (1, 2) and 3·(3, 6): mean 3 before, 7.5 after; the factor is 0.4.
  const { dims, data } = emphasized(state, [1, 3]);
  expect(dims).toEqual([1, 2, 2]);
  expect([...data]).toEqual(
    [0.4, 0.8, 3.6, 7.2].map((value) => expect.closeTo(value, 6) as number),
  );
});

test('leaves a state alone where all weights are 1', () => {
  const state = hostTensor([1, 2, 3, 4], [1, 2, 2]);
  expect(emphasized(state, [1, 1])).toBe(state);
});

test('gives zeros for weights of 0, and the state back for one weight throughout', () => {
  const state = hostTensor([1, -2, 3, 4], [1, 2, 2]);
  expect([...emphasized(state, [0, 0]).data].map(Math.abs)).toEqual([0, 0, 0, 0]);
  expect([...emphasized(state, [2, 2]).data]).toEqual([1, -2, 3, 4]);
});

test('keeps the mean of any state, and the ratios within a token', () => {
  const values = fc.array(fc.double({ min: 0.5, max: 4, noNaN: true }), {
    minLength: 12,
    maxLength: 12,
  });
  const weights = fc.array(fc.double({ min: 0.1, max: 2, noNaN: true }), {
    minLength: 4,
    maxLength: 4,
  });
  const mean = (data: Float32Array): number => data.reduce((sum, value) => sum + value, 0) / 12;
  fc.assert(
    fc.property(values, weights, (all, w) => {
      const state = hostTensor(all, [1, 4, 3]);
      const { data } = emphasized(state, w);
      expect(mean(data)).toBeCloseTo(mean(state.data), 5);
      const [a = 0, b = 0] = data;
      expect(a / b).toBeCloseTo((all[0] ?? 0) / (all[1] ?? 0), 4);
    }),
  );
});
