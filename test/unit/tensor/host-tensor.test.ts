/**
 * The two orders of pictures, and tensors that are what they claim.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hostTensor,
  isFiniteTensor,
  toChannelsFirst,
  toChannelsLast,
} from '../../../src/tensor/host-tensor.ts';

describe('a tensor', () => {
  test('holds as many numbers as its dimensions say', () => {
    expect(hostTensor([1, 2, 3, 4, 5, 6], [2, 3])).toEqual({
      dims: [2, 3],
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
    });
    expect(() => hostTensor([1, 2], [3])).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: '[3] needs 3 numbers, got 2' }),
    );
    expect(hostTensor([7], []).data).toEqual(Float32Array.of(7));
  });

  test('takes a Float32Array over, and copies other numbers', () => {
    const own = Float32Array.of(1, 2);
    expect(hostTensor(own, [2]).data).toBe(own);
    expect(hostTensor(Int32Array.of(1, 2), [2]).data).toEqual(own);
  });

  test.each([
    [[0, -1, 3e38], true],
    [[1, NaN], false],
    [[Infinity, 0], false],
    [[0, 0, -Infinity], false],
    [[], true],
  ])('of %j is finite: %s', (numbers, expected) => {
    expect(isFiniteTensor(hostTensor(numbers, [numbers.length]))).toBe(expected);
  });
});

describe('a picture', () => {
  // Two pictures of 3 channels, 2 rows, 2 columns; hundreds tell the picture, tens the channel.
  const picture = (n: number): number[] =>
    [0, 10, 20].flatMap((c) => [0, 1, 2, 3].map((i) => n + c + i));
  const first = hostTensor([...picture(0), ...picture(100)], [2, 3, 2, 2]);

  test('has its channels together once they come last', () => {
    const last = toChannelsLast(first);
    expect(last.dims).toEqual([2, 2, 2, 3]);
    expect([...last.data.subarray(0, 6)]).toEqual([0, 10, 20, 1, 11, 21]);
    expect([...last.data.subarray(12, 15)]).toEqual([100, 110, 120]);
  });

  test('comes back from either order, and its source is left alone', () => {
    const size = fc.integer({ min: 1, max: 7 });
    fc.assert(
      fc.property(fc.tuple(size, size, size, size), (dims) => {
        const count = dims.reduce((product, dim) => product * dim, 1);
        const data = Float32Array.from({ length: count }, (_, i) => i);
        const tensor = hostTensor(data.slice(), dims);
        expect(toChannelsFirst(toChannelsLast(tensor))).toEqual(tensor);
        expect(toChannelsLast(toChannelsFirst(tensor))).toEqual(tensor);
        const turned = toChannelsLast(tensor);
        turned.data.fill(-1);
        expect(tensor.data).toEqual(data);
      }),
    );
  });
});
