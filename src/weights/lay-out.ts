/**
 * A tensor's bytes as a graph on the CPU takes them: in its float format, in its layout.
 *
 * On the GPU a kernel does the same while uploading; this is for backends whose weights are bytes
 * inside a model, and for tests. A tensor that is already right is read without another copy.
 */

import { float16ToFloat32Array, float32ToFloat16Array } from '../tensor/float16.ts';
import { BYTES_PER_ELEMENT, elementCount, type FloatDtype } from '../tensor/dtype.ts';
import type { TensorEntry } from './checkpoint.ts';
import {
  BLOCK,
  isQuantised,
  laidOutArrays,
  quantisedBits,
  type QuantisedBits,
  type WeightLayout,
} from './layout.ts';
import { quantiseBlocks } from './quantise.ts';
import { streamTensor, toFloat32, type TensorChunk } from './read-tensor.ts';

/** Options of {@link laidOut}. */
export type LaidOutOptions = {
  /** Format of the result, in quantised layouts of the scales; numbers beyond float16's range become infinity. */
  dtype: FloatDtype;
  layout: WeightLayout;
  signal?: AbortSignal | undefined;
};

/** Elements of one format in memory: halves as bit patterns. */
type Elements = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Side of the square in which a transposition goes: read and written lines both stay in cache. */
const TILE = 32;

/** A chunk's elements in the format of the result; halves that stay halves are only looked at. */
function converted(chunk: TensorChunk, entry: TensorEntry, dtype: FloatDtype): Elements {
  const { bytes } = chunk;
  const isSame = entry.dtype === dtype && bytes.byteOffset % BYTES_PER_ELEMENT[dtype] === 0;
  if (isSame) return elementsOf(bytes, dtype);
  const singles = toFloat32(bytes, entry.dtype);
  return dtype === 'float32' ? singles : float32ToFloat16Array(singles);
}

function elementsOf(
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  dtype: FloatDtype,
) {
  return dtype === 'float32'
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/** Writes rows `firstRow ...` of a matrix with `columns` columns as columns of `target`. */
function transposeRows(
  source: Elements,
  target: Elements,
  { firstRow, rows, columns }: { firstRow: number; rows: number; columns: number },
): void {
  const count = source.length / columns;
  for (let rowTile = 0; rowTile < count; rowTile += TILE) {
    const rowEnd = Math.min(count, rowTile + TILE);
    for (let columnTile = 0; columnTile < columns; columnTile += TILE) {
      const columnEnd = Math.min(columns, columnTile + TILE);
      for (let column = columnTile; column < columnEnd; column++) {
        const base = column * rows + firstRow;
        for (let row = rowTile; row < rowEnd; row++) {
          target[base + row] = source[row * columns + column]!;
        }
      }
    }
  }
}

/** The bytes of a tensor in the format and layout asked for: of each array that `laidOutArrays` tells. */
export async function laidOut(
  entry: TensorEntry,
  options: LaidOutOptions,
): Promise<[Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]]> {
  options.signal?.throwIfAborted();
  laidOutArrays(entry.shape, options); // throws before anything is read
  const { layout } = options;
  return isQuantised(layout)
    ? quantised(entry, quantisedBits(layout), options)
    : [await asFloats(entry, options)];
}

async function quantised(
  entry: TensorEntry,
  bits: QuantisedBits,
  { dtype, signal }: LaidOutOptions,
): Promise<[Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]> {
  const count = elementCount(entry.shape);
  const codes = new Uint8Array((count * bits) / 8);
  const scales = new Uint16Array(count / BLOCK);
  for await (const chunk of streamTensor(entry, { rowAligned: true, signal })) {
    const values = toFloat32(chunk.bytes, entry.dtype);
    quantiseBlocks(values, bits, { codes, scales }, chunk.elementOffset / BLOCK);
  }
  const written = dtype === 'float16' ? scales : float16ToFloat32Array(scales);
  return [codes, new Uint8Array(written.buffer)];
}

async function asFloats(
  entry: TensorEntry,
  { dtype, layout, signal }: LaidOutOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  if (layout === 'stored' && entry.dtype === dtype) {
    return entry.source.read(entry.byteOffset, entry.byteOffset + entry.byteLength, signal);
  }
  const result = new Uint8Array(elementCount(entry.shape) * BYTES_PER_ELEMENT[dtype]);
  const target = elementsOf(result, dtype);
  const [rows = 1, columns = 1] = entry.shape;
  const rowAligned = layout === 'transposed';
  for await (const chunk of streamTensor(entry, { rowAligned, signal })) {
    const elements = converted(chunk, entry, dtype);
    if (layout === 'stored') {
      target.set(elements, chunk.elementOffset);
    } else {
      transposeRows(elements, target, { firstRow: chunk.elementOffset / columns, rows, columns });
    }
  }
  return result;
}
