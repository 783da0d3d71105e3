/**
 * Hints against what OpenCV and numpy compute (test/goldens/hints/make_hints.py made them).
 */

import { describe, expect, it, test } from 'vitest';
import { decodeImage } from '../../../../src/image/decode.ts';
import { HINTS, type HintSource } from '../../../../src/image/hints/hints.ts';
import { blankPicture, flattened, type Picture } from '../../../../src/image/picture.ts';
import { Mt19937 } from '../../../../src/rng/mt19937.ts';
import { readGolden } from '../../../support/goldens.ts';

async function read(name: string): Promise<Picture> {
  const blob = new Blob([await readGolden(`hints/${name}.png`)]);
  return flattened(await decodeImage(blob, 'image'));
}

/** numpy's uniform numbers after `numpy.random.seed(seed)`: 53 bits of two integers. */
function numpyRandom(seed: number): () => number {
  const integers = new Mt19937(seed);
  return () => ((integers.next() >>> 5) * 2 ** 26 + (integers.next() >>> 6)) / 2 ** 53;
}

function hint(kind: string, source: Partial<HintSource> & Pick<HintSource, 'picture'>) {
  const made = HINTS[kind]?.make({ random: numpyRandom(7), ...source });
  if (made === undefined) throw new Error(`no hint ${kind}`);
  return made;
}

/** How many bytes differ, and by how much at most. */
async function difference(kind: string): Promise<{ share: number; most: number }> {
  const [picture, expected] = [await read('photo'), await read(`photo-${kind}`)];
  const area = picture.width * picture.height;
  const planes = hint(kind, { picture });
  const differences = Array.from(expected.data, (value, i) =>
    Math.abs(Math.round((planes[(i % 3) * area + Math.floor(i / 3)] ?? 0) * 255) - value),
  );
  expect(new Set(expected.data).size).toBeGreaterThan(1);
  return {
    share: differences.filter((each) => each > 0).length / differences.length,
    most: Math.max(...differences),
  };
}

describe('to the bit as there', () => {
  it.each(['gray', 'threshold', 'binary', 'invert', 'scribble'])('%s', async (kind) => {
    expect(await difference(kind)).toEqual({ share: 0, most: 0 });
  });
});

// OpenCV sums in 32 bits and rounds the weights of its bytes' interpolation to 11 bits, of a shuffle's places to 5.
describe('but for rounding as there', () => {
  it.each([
    ['lineart', 1, 0.01],
    ['blur', 1, 0.001],
    ['color', 1, 0.2],
    ['shuffle', 6, 0.5],
  ] as const)('%s', async (kind, most, share) => {
    const found = await difference(kind);
    expect(found.most).toBeLessThanOrEqual(most);
    expect(found.share).toBeLessThanOrEqual(share);
  });
});

test('inpaint is -1 where something is masked, and the picture elsewhere', () => {
  const picture = { ...blankPicture(2, 1, 3), data: Uint8Array.of(0, 255, 51, 102, 153, 204) };
  const mask = { width: 2, height: 1, data: Uint8Array.of(255, 0) };
  const expected = [-1, 0.4, -1, 0.6, -1, 0.8];
  const planes = hint('inpaint', { picture, mask });
  expect([...planes]).toEqual(expected.map((value) => expect.closeTo(value, 6) as number));
  expect(Math.min(...hint('inpaint', { picture }))).toBe(0);
});

test.each(Object.keys(HINTS))('%s takes a picture of one pixel, and of one colour', (kind) => {
  for (const [width, height] of [
    [1, 1],
    [70, 3],
  ] as const) {
    const picture = blankPicture(width, height, 3);
    picture.data.fill(90);
    const planes = hint(kind, { picture });
    expect(planes.length).toBe(3 * width * height);
    expect(planes.every((value) => value >= 0 && value <= 1)).toBe(true);
  }
});
