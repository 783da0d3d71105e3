/**
 * Weights by formula: the numbers, and the virtual file that holds them.
 *
 * The known values were computed by Python 3, which shares no code with the product:
 *
 *     def odd(name, i):
 *         M = 0xffffffff; h = 0x811c9dc5
 *         for b in name.encode(): h = ((h ^ b) * 0x01000193) & M
 *         x = (i * 0x9e3779b9 + h) & M
 *         x ^= x >> 16; x = x * 0x85ebca6b & M
 *         x ^= x >> 13; x = x * 0xc2b2ae35 & M
 *         x ^= x >> 16
 *         return 2 * (x >> 24) - 255
 *     for n in ['', 'a', '0/sd15/unet:conv_in.weight', '0/é/日本:w']:
 *         print([odd(n, i) for i in (0, 1, 2, 3, 4, 5, 1000, 65535, 16777216, 49408*1280-1)])
 */

import fc from 'fast-check';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BYTES_PER_ELEMENT, type StorageDtype } from '../../../src/tensor/dtype.ts';
import { readFloat32 } from '../../../src/weights/read-tensor.ts';
import { readSafetensors } from '../../../src/weights/safetensors.ts';
import {
  generatedArray,
  generatedCheckpoint,
  generatedSource,
  odd,
  type GeneratedTensors,
} from '../../../tools/goldens/formula.ts';
import { writeGenerated } from '../../../tools/goldens/write-generated.ts';

const INDICES = [0, 1, 2, 3, 4, 5, 1000, 65535, 16777216, 49408 * 1280 - 1];

const TENSORS: GeneratedTensors = {
  'conv_in.weight': [[4, 3, 3, 3], 0, 10],
  'norm.weight': [[7], 1, 8],
  'norm.bias': [[7], 0, 13],
};

const DTYPES: StorageDtype[] = ['float32', 'float16', 'bfloat16'];

describe('odd', () => {
  it.each([
    ['', [87, -237, -13, 213, 209, -119, 171, 113, -107, 229]],
    ['a', [-203, -7, 161, 185, 223, -29, -49, -177, -7, -179]],
    ['0/sd15/unet:conv_in.weight', [-27, -27, 253, 229, -5, 17, 177, 155, 143, -143]],
    ['0/é/日本:w', [105, 187, 213, -101, 177, -17, -81, 97, -253, -247]],
  ])('gives the known values for "%s"', (name, values) => {
    expect(INDICES.map((index) => odd(name, index))).toEqual(values);
  });

  it('decides the elements of generatedArray', () => {
    const array = generatedArray('a', 6, 7);
    expect([...array]).toEqual([-203, -7, 161, 185, 223, -29].map((value) => value / 128));
  });
});

describe.each(DTYPES)('a generated checkpoint in %s', (dtype) => {
  it('goes through the ordinary reader and has the values of the formula', async () => {
    const { tensors, id } = await generatedCheckpoint('0', 'sd15/unet', TENSORS, { dtype });
    expect(id).toContain(dtype);
    expect([...tensors.keys()]).toEqual(Object.keys(TENSORS));
    for (const [name, [shape, base, e]] of Object.entries(TENSORS)) {
      const entry = tensors.get(name)!;
      expect(entry.shape).toEqual(shape);
      expect(entry.dtype).toBe(dtype);
      const exact = Float32Array.from(
        { length: entry.byteLength / BYTES_PER_ELEMENT[dtype] },
        (_, i) => base + odd(`0/sd15/unet:${name}`, i) / 2 ** e,
      );
      const values = await readFloat32(entry);
      // Half a step of bfloat16 just above 1, where its 8 significant bits cannot hold the sum.
      const tolerance = dtype === 'bfloat16' && base === 1 ? 2 ** -8 : 0;
      const errors = values.map((value, i) => Math.abs(value - exact[i]!));
      expect(Math.max(...errors)).toBeLessThanOrEqual(tolerance);
    }
  });

  it('gives the same bytes for any range, also one that begins or ends inside an element', async () => {
    const source = generatedSource('0', 'c', { tensors: TENSORS, dtype });
    const whole = await source.read(0, source.size);
    const range = fc.tuple(fc.nat(source.size), fc.nat(source.size));
    await fc.assert(
      fc.asyncProperty(range, async ([a, b]) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        expect(await source.read(start, end)).toEqual(whole.slice(start, end));
      }),
    );
  });
});

describe('a generated file', () => {
  it('can have other names, with the values of the listed ones', async () => {
    const plain = await generatedCheckpoint('0', 'c', TENSORS);
    const renamed = await generatedCheckpoint('0', 'c', TENSORS, {
      rename: (name) => `text_model.${name}`,
    });
    expect(await readFloat32(renamed.tensors.get('text_model.norm.bias')!)).toEqual(
      await readFloat32(plain.tensors.get('norm.bias')!),
    );
  });

  it('beyond 4 GiB is described and read in place', async () => {
    const tensors: GeneratedTensors = { big: [[3, 2 ** 30], 0, 4], tail: [[2], 0, 4] };
    const source = generatedSource('0', 'c', { tensors });
    const { tensors: found } = await readSafetensors(source);
    const { byteOffset } = found.get('tail')!;
    expect(byteOffset).toBeGreaterThan(6 * 2 ** 30);
    const bytes = await source.read(byteOffset - 2, source.size);
    const last = float32Of(odd('0/c:big', 3 * 2 ** 30 - 1) / 16);
    expect(float32Of(bytes)).toBe(last);
  });

  it('is written to disk byte for byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'generated-'));
    try {
      const path = join(folder, 'model.safetensors');
      const size = await writeGenerated(path, 'c', { seed: '0', tensors: TENSORS });
      const source = generatedSource('0', 'c', { tensors: TENSORS });
      const written = await readFile(path);
      expect(size).toBe(source.size);
      expect(new Uint8Array(written)).toEqual(await source.read(0, source.size));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('stops computing when aborted', async () => {
    const tensors: GeneratedTensors = { big: [[2 ** 26], 0, 4] };
    const source = generatedSource('0', 'c', { tensors });
    const controller = new AbortController();
    const reading = source.read(0, source.size, controller.signal);
    setTimeout(() => controller.abort('enough'), 0);
    await expect(reading).rejects.toBe('enough');
  });
});

/** A number, or the first half of some bytes, in a form in which the two can be compared. */
function float32Of(value: number | Uint8Array): number {
  if (typeof value === 'number') return value;
  const half = value[0]! | (value[1]! << 8);
  const sign = half & 0x8000 ? -1 : 1;
  return sign * (1 + (half & 1023) / 1024) * 2 ** (((half >> 10) & 31) - 15);
}
