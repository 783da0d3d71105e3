/**
 * Rows of a batch, taken out and put together again, in the heap or in GPU memory.
 */

import type { HostTensor } from '../tensor/host-tensor.ts';
import { isDeviceTensor, type Backend, type DeviceTensor, type RunTensor } from './backend.ts';
import { BUFFER_USAGE } from './gpu/flags.ts';
import { WebGpuBackend } from './webgpu-backend.ts';

/** Rows `from` to `from + count` as a tensor of its own; beyond the last row it is repeated. */
export function takeRows(
  backend: Backend,
  tensor: RunTensor,
  from: number,
  count: number,
): RunTensor {
  const [rows = 1, ...rest] = tensor.dims;
  const indices = Array.from({ length: count }, (_, i) => Math.min(from + i, rows - 1));
  const dims = [count, ...rest];
  if (isDeviceTensor(tensor)) return copied(backend, dims, [{ tensor, indices }]);
  const each = tensor.data.length / rows;
  const data = new Float32Array(count * each);
  for (const [i, row] of indices.entries())
    data.set(tensor.data.subarray(row * each, (row + 1) * each), i * each);
  return { dims, data };
}

/** The first `count` rows of tensors that lie one behind the other along the batch, all in one place. */
export function joinRows(
  backend: Backend,
  tensors: readonly [RunTensor, ...RunTensor[]],
  count: number,
): RunTensor {
  const [{ dims }] = tensors;
  const [rows = 1, ...rest] = dims;
  if (isDeviceTensor(tensors[0])) {
    const parts = (tensors as readonly DeviceTensor[]).map((tensor, i) => ({
      tensor,
      indices: Array.from({ length: Math.min(rows, count - i * rows) }, (_, row) => row),
    }));
    return copied(backend, [count, ...rest], parts);
  }
  const all = (tensors as readonly HostTensor[]).map(({ data }) => data);
  const each = (all[0]?.length ?? 0) / rows;
  const data = new Float32Array(count * each);
  for (const [i, part] of all.entries())
    data.set(part.subarray(0, (count - i * rows) * each), i * rows * each);
  return { dims: [count, ...rest], data };
}

/** A new tensor of rows of others. */
function copied(
  backend: Backend,
  dims: readonly number[],
  parts: readonly { readonly tensor: DeviceTensor; readonly indices: readonly number[] }[],
): DeviceTensor {
  if (!(backend instanceof WebGpuBackend)) throw new TypeError('no GPU holds this tensor');
  const { device } = backend.gpu;
  const bytes = dims.slice(1).reduce((product, dim) => product * dim, 4);
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const buffer = device.createBuffer({
    label: 'rows',
    size: Math.ceil(((dims[0] ?? 1) * bytes) / 16) * 16,
    usage: STORAGE | COPY_SRC | COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  let at = 0;
  for (const { tensor, indices } of parts) {
    for (const row of indices) {
      encoder.copyBufferToBuffer(tensor.buffer, row * bytes, buffer, at, bytes);
      at += bytes;
    }
  }
  device.queue.submit([encoder.finish()]);
  return { dims, buffer, dispose: () => buffer.destroy() };
}
