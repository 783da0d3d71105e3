/**
 * A float tensor in the JavaScript heap, and the two orders pictures come in.
 */

import { EngineError } from '../errors.ts';
import { elementCount } from './dtype.ts';

/** Numbers in f32 with their dimensions, outermost first; pictures are [batch, channels, height, width]. */
export type HostTensor = {
  readonly dims: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
};

/** Makes a {@link HostTensor}; throws EngineError `invalid-argument` when data and dimensions disagree. */
export function hostTensor(data: ArrayLike<number>, dims: readonly number[]): HostTensor {
  if (data.length !== elementCount(dims)) {
    throw new EngineError(
      'invalid-argument',
      `[${dims.join(', ')}] needs ${elementCount(dims)} numbers, got ${data.length}`,
    );
  }
  const isOwn = data instanceof Float32Array && data.buffer instanceof ArrayBuffer;
  return {
    dims: [...dims],
    data: isOwn ? (data as Float32Array<ArrayBuffer>) : Float32Array.from(data),
  };
}

/** A batch, `copies` times one behind the other. */
export function repeatedBatch({ dims, data }: HostTensor, copies: number): HostTensor {
  const [batch = 1, ...rest] = dims;
  const result = new Float32Array(copies * data.length);
  for (let i = 0; i < copies; i++) result.set(data, i * data.length);
  return { dims: [copies * batch, ...rest], data: result };
}

/** [B, C, H, W] as [B, H, W, C]. */
export function toChannelsLast({ dims, data }: HostTensor): HostTensor {
  const [b = 1, c = 1, h = 1, w = 1] = dims;
  return { dims: [b, h, w, c], data: transposeBlocks(data, b, c, h * w) };
}

/** [B, H, W, C] as [B, C, H, W]. */
export function toChannelsFirst({ dims, data }: HostTensor): HostTensor {
  const [b = 1, h = 1, w = 1, c = 1] = dims;
  return { dims: [b, c, h, w], data: transposeBlocks(data, b, h * w, c) };
}

/** Transposes each of `count` matrices of `rows` x `columns`. */
function transposeBlocks(
  data: Float32Array<ArrayBuffer>,
  count: number,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  if (rows === 1 || columns === 1) return data.slice();
  const result = new Float32Array(data.length);
  for (let block = 0; block < count; block++) {
    const base = block * rows * columns;
    for (let row = 0; row < rows; row++) {
      const from = base + row * columns;
      for (let column = 0; column < columns; column++) {
        result[base + column * rows + row] = data[from + column] as number;
      }
    }
  }
  return result;
}

/** Whether every number is finite. */
export function isFiniteTensor({ data }: HostTensor): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}
