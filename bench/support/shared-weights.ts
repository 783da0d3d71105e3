/**
 * Runs graphs without their weights: every weight is the same buffer. For devices that compute nothing (Dawn's null
 * backend, which has little memory), to compile a network's shaders or to time the CPU's part of a run.
 */

import { BYTES_PER_ELEMENT, elementCount } from '../../src/tensor/dtype.ts';
import { BUFFER_USAGE } from '../../src/runtime/gpu/flags.ts';
import type { GpuWeight } from '../../src/runtime/gpu/weight-slot.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import { laidOutShape } from '../../src/weights/layout.ts';

/** Room for the largest weight of SDXL's UNet in f32. */
const SHARED_BYTES = 2 ** 27;

/** Makes `backend` bind one buffer for all weights of all graphs from now on. */
export function shareWeights(backend: WebGpuBackend, device: GPUDevice): void {
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const usage = STORAGE | COPY_SRC | COPY_DST;
  const buffer = device.createBuffer({ size: SHARED_BYTES, usage, label: 'weights/shared' });
  backend.store.acquireAll = (requests) =>
    Promise.resolve(
      requests.map(({ entry, dtype, layout }): GpuWeight => {
        const byteLength = elementCount(entry.shape) * BYTES_PER_ELEMENT[dtype];
        if (byteLength > SHARED_BYTES) throw new Error(`${entry.name} has ${byteLength} bytes`);
        return { buffer, dims: laidOutShape(entry.shape, layout), dtype, byteLength };
      }),
    );
}
