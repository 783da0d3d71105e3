/**
 * Reading tensors: whole, by rows, as a stream, and laid out for a graph.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  float16ToFloat32,
  float32ToBfloat16Array,
  float32ToFloat16Array,
} from '../../../src/tensor/float16.ts';
import { elementCount, type FloatDtype, type StorageDtype } from '../../../src/tensor/dtype.ts';
import type { TensorEntry } from '../../../src/weights/checkpoint.ts';
import { laidOut } from '../../../src/weights/lay-out.ts';
import type { WeightLayout } from '../../../src/weights/layout.ts';
import { readFloat32, readRows, streamTensor } from '../../../src/weights/read-tensor.ts';
import { bytesOf, watched } from './support.ts';

const DTYPES: StorageDtype[] = ['float32', 'float16', 'bfloat16'];

function encoded(values: Float32Array, dtype: StorageDtype): Uint8Array {
  switch (dtype) {
    case 'float32':
      return bytesOf(values);
    case 'float16':
      return bytesOf(float32ToFloat16Array(values));
    case 'bfloat16':
      return bytesOf(float32ToBfloat16Array(values));
    default:
      return dtype satisfies never;
  }
}

/** A tensor of small integers, exact in every format, that lies at an odd position of its source. */
function tensor(shape: number[], dtype: StorageDtype) {
  const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => (i % 251) - 125);
  const bytes = encoded(values, dtype);
  const file = new Uint8Array(7 + bytes.length + 3).fill(0xff);
  file.set(bytes, 7);
  const { source, reads } = watched(file);
  const byteLength = bytes.length;
  const entry: TensorEntry = { name: 'table', dtype, shape, source, byteOffset: 7, byteLength };
  return { entry, values, reads };
}

describe.each(DTYPES)('a tensor stored as %s', (dtype) => {
  it.each([[[5, 7]], [[3]], [[]], [[0, 4]], [[2, 3, 1, 1]]])(
    'of shape %j is read whole',
    async (shape) => {
      const { entry, values } = tensor(shape, dtype);
      expect(await readFloat32(entry)).toEqual(values);
    },
  );

  it('gives the rows asked for, in that order, repeats included', async () => {
    const { entry, values } = tensor([100, 9], dtype);
    const row = (index: number) => [...values.subarray(index * 9, index * 9 + 9)];
    expect([...(await readRows(entry, [99, 0, 50, 0, 51]))]).toEqual(
      [99, 0, 50, 0, 51].flatMap(row),
    );
    expect(await readRows(entry, [])).toEqual(new Float32Array(0));
    expect([...(await readRows(entry, Int32Array.of(3, 4)))]).toEqual([3, 4].flatMap(row));
  });

  it.each<FloatDtype>(['float32', 'float16'])('is laid out as %s, either way', async (wanted) => {
    const shape = [37, 70];
    const { entry, values } = tensor(shape, dtype);
    const transposed = Float32Array.from(
      values,
      (_, i) => values[(i % 37) * 70 + Math.floor(i / 37)]!,
    );
    const layouts: [WeightLayout, Float32Array][] = [
      ['stored', values],
      ['transposed', transposed],
    ];
    for (const [layout, expected] of layouts) {
      const [bytes] = await laidOut(entry, { dtype: wanted, layout });
      expect(bytes).toEqual(new Uint8Array(encoded(expected, wanted)));
    }
  });
});

describe('readRows', () => {
  it('reads only the rows, joins neighbours, and reads a repeated row once', async () => {
    const { entry, reads } = tensor([5000, 768], 'float16');
    await readRows(entry, [4000, 10, 11, 11, 12, 4000]);
    expect(reads.toSorted((a, b) => a[0] - b[0])).toEqual([
      [7 + 10 * 1536, 7 + 13 * 1536],
      [7 + 4000 * 1536, 7 + 4001 * 1536],
    ]);
  });

  it('reads 77 scattered rows of a large table without reading the table', async () => {
    const { entry, reads } = tensor([5000, 768], 'float16');
    await readRows(
      entry,
      Array.from({ length: 77 }, (_, i) => (i * 1993) % 5000),
    );
    const total = reads.reduce((sum, [start, end]) => sum + end - start, 0);
    expect(total).toBeLessThan(77 * (1536 + 16384));
    expect(total).toBeLessThan(entry.byteLength / 5);
  });

  it.each([[-1], [5], [0.5], [NaN]])('refuses row %d of 5', async (row) => {
    const { entry } = tensor([5, 2], 'float16');
    await expect(readRows(entry, [0, row])).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('equals picking rows of the whole, for any rows', async () => {
    const { entry, values } = tensor([40, 1000], 'float32');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(39), { maxLength: 60 }), async (rows) => {
        const picked = rows.flatMap((row) => [...values.subarray(row * 1000, row * 1000 + 1000)]);
        expect(await readRows(entry, rows)).toEqual(Float32Array.from(picked));
      }),
      { numRuns: 30 },
    );
  });
});

describe('streamTensor', () => {
  it('gives all bytes in order, in whole elements, for any chunk size', async () => {
    const { entry } = tensor([7, 5, 3], 'float16');
    const all = await entry.source.read(7, 7 + entry.byteLength);
    await fc.assert(
      fc.asyncProperty(fc.nat(300), fc.boolean(), async (chunkBytes, rowAligned) => {
        const joined: number[] = [];
        for await (const { elementOffset, bytes } of streamTensor(entry, {
          chunkBytes,
          rowAligned,
        })) {
          expect(elementOffset).toBe(joined.length / 2);
          expect(bytes.length % (rowAligned ? 30 : 2)).toBe(0);
          expect(bytes.length).toBeLessThanOrEqual(Math.max(chunkBytes, rowAligned ? 30 : 2));
          expect(bytes.length).toBeGreaterThan(0);
          joined.push(...bytes);
        }
        expect(Uint8Array.from(joined)).toEqual(all);
      }),
    );
  });

  it('reads a chunk only when it is asked for, and stops at an abort', async () => {
    const { entry, reads } = tensor([100], 'float32');
    const controller = new AbortController();
    const chunks = streamTensor(entry, { chunkBytes: 40, signal: controller.signal });
    await chunks.next();
    expect(reads.length).toBe(1);
    controller.abort('enough');
    await expect(chunks.next()).rejects.toBe('enough');
    expect((await chunks.next()).done).toBe(true);
  });
});

describe('laidOut', () => {
  it('reads a tensor that is already right in one go', async () => {
    const { entry, reads } = tensor([3, 4, 3, 3], 'float16');
    await laidOut(entry, { dtype: 'float16', layout: 'stored' });
    expect(reads).toEqual([[7, 7 + entry.byteLength]]);
  });

  it('transposes a matrix of several chunks, and a 1x1 convolution as a matrix', async () => {
    const { entry, values } = tensor([3000, 3001, 1, 1], 'float16');
    const [bytes] = await laidOut(entry, { dtype: 'float16', layout: 'transposed' });
    const halves = new Uint16Array(bytes.buffer);
    const wrong = values.findIndex((value, i) => {
      const [row, column] = [Math.floor(i / 3001), i % 3001];
      return float16ToFloat32(halves[column * 3000 + row]!) !== value;
    });
    expect(wrong).toBe(-1);
  });

  it('refuses to transpose what is no matrix, before reading anything', async () => {
    const { entry, reads } = tensor([3, 4, 3, 3], 'float16');
    const options = { dtype: 'float16', layout: 'transposed' } as const;
    await expect(laidOut(entry, options)).rejects.toThrow('only a matrix');
    expect(reads).toEqual([]);
  });

  it('takes bytes from a source that delivers them at odd positions', async () => {
    const { entry, values } = tensor([3, 4], 'float16');
    const read: TensorEntry['source']['read'] = async (start, end) => {
      const shifted = new Uint8Array(end - start + 1);
      shifted.set(await entry.source.read(start, end), 1);
      return shifted.subarray(1);
    };
    const odd = { ...entry, source: { ...entry.source, read } };
    expect(await readFloat32(odd)).toEqual(values);
    for (const layout of ['stored', 'transposed'] as const) {
      const options = { dtype: 'float16', layout } as const;
      expect(await laidOut(odd, options)).toEqual(await laidOut(entry, options));
    }
  });

  it('copies halves bit for bit, NaN payloads included', async () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const { source } = watched(bytesOf(all));
    const entry: TensorEntry = {
      name: 'all',
      dtype: 'float16',
      shape: [256, 256],
      source,
      byteOffset: 0,
      byteLength: 131072,
    };
    const [stored] = await laidOut(entry, { dtype: 'float16', layout: 'stored' });
    expect(stored).toEqual(bytesOf(all));
    const [turned] = await laidOut(entry, { dtype: 'float16', layout: 'transposed' });
    const expected = Uint16Array.from({ length: 65536 }, (_, i) => (i % 256) * 256 + (i >> 8));
    expect(turned).toEqual(bytesOf(expected));
  });

  it("rejects with the signal's reason", async () => {
    const { entry } = tensor([3, 4], 'float16');
    for (const dtype of ['float16', 'float32'] as const) {
      const options = { dtype, layout: 'stored', signal: AbortSignal.abort('no') } as const;
      await expect(laidOut(entry, options)).rejects.toBe('no');
    }
  });
});
