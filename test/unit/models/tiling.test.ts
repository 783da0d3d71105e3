/**
 * Tiles put together again: nothing is lost, and what differs between tiles becomes a slope, not a step.
 */

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { TiledStage } from '../../../src/models/tiled-stage.ts';
import { inTiles } from '../../../src/models/tiling.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';

const [height, width] = [52, 84];

/** A picture in which no pixel is like another. */
const picture = hostTensor(
  Float32Array.from({ length: 2 * height * width }, (_, i) => Math.sin(i) + i / 1000),
  [1, 2, height, width],
);

/** Each pixel as a square of `factor` pixels. */
function enlarged({ dims, data }: HostTensor, factor: number): HostTensor {
  const [, channels = 1, rows = 1, columns = 1] = dims;
  const [high, wide] = [rows * factor, columns * factor];
  const values = Float32Array.from({ length: channels * high * wide }, (_, i) => {
    const [plane, y, x] = [Math.floor(i / (high * wide)), Math.floor(i / wide) % high, i % wide];
    return data[(plane * rows + Math.floor(y / factor)) * columns + Math.floor(x / factor)] ?? 0;
  });
  return hostTensor(values, [1, channels, high, wide]);
}

function worst(a: HostTensor, b: HostTensor): number {
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? 0))), 0);
}

describe.each([8, 16, 24, 40])('tiles of %i', (tile) => {
  test('give what a pointwise network makes of the whole', async () => {
    const twice = await inTiles(picture, { tile, unit: 1, outScale: 2 }, (part) =>
      Promise.resolve(enlarged(part, 2)),
    );
    expect(twice.dims).toEqual([1, 2, 2 * height, 2 * width]);
    // 32-bit sums of weights and of weighed values.
    expect(worst(twice, enlarged(picture, 2))).toBeLessThan(1e-5);
  });

  test('are never larger than that, and lie at whole units', async () => {
    const sizes = new Set<number>();
    await inTiles(picture, { tile, unit: 2, outScale: 1 }, (part) => {
      const [, , rows = 0, columns = 0] = part.dims;
      sizes.add(rows).add(columns);
      // The first number of a part tells where it begins.
      const at = picture.data.indexOf(part.data[0] ?? NaN);
      expect([(at % width) % 2, Math.floor(at / width) % 2]).toEqual([0, 0]);
      return Promise.resolve(part);
    });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * tile);
  });

  test('whose tones differ go over into each other by a slope as wide as they overlap', async () => {
    let tone = 0;
    const flat = hostTensor(new Float32Array(height * width), [1, 1, height, width]);
    const { data } = await inTiles(flat, { tile, unit: 1, outScale: 1 }, ({ dims, data: part }) => {
      tone = 1 - tone;
      return Promise.resolve({ dims, data: part.map(() => tone) });
    });
    const steps = Array.from(data, (value, i) =>
      i % width === 0 ? 0 : Math.abs(value - (data[i - 1] ?? 0)),
    );
    // From 0 to 1 over a quarter of the tile: where both tiles' ramps meet, up to twice as steep.
    expect(Math.max(...steps)).toBeLessThanOrEqual(2 / (tile / 4));
    expect(Math.max(...data)).toBeGreaterThan(0.9);
  });
});

test('a network that gets no memory for a tile is given smaller ones, until it does', async () => {
  const widths: number[] = [];
  const stage = new TiledStage({
    name: 'network',
    unit: 1,
    outScale: 1,
    violations: () => [],
    run: (input) => {
      const [, , , wide = 0] = input.dims;
      widths.push(wide);
      return wide > 24
        ? Promise.reject(new EngineError('out-of-memory', 'no room'))
        : Promise.resolve(input);
    },
  });
  const result = (await stage.run(picture)) as HostTensor;
  expect(worst(result, picture)).toBeLessThan(1e-5);
  // The whole, then the largest tile of each size below it.
  expect(widths.slice(0, 7)).toEqual([84, 80, 64, 48, 40, 32, 24]);
});
