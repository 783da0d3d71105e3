/**
 * Runs graphs without their weights: every weight is the same buffer. For devices that compute nothing (Dawn's null
 * backend, which has little memory), to compile a network's shaders or to time the CPU's part of a run.
 */

import { BYTES_PER_ELEMENT, elementCount } from '../../src/tensor/dtype.ts';
import { BUFFER_USAGE } from '../../src/runtime/gpu/flags.ts';
import type { GpuWeight } from '../../src/runtime/gpu/weight-slot.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import { laidOutArrays } from '../../src/weights/layout.ts';

/** Makes `backend` bind one buffer for all weights of each graph from now on, as large as the largest of them. */
export function shareWeights(backend: WebGpuBackend, device: GPUDevice): void {
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const usage = STORAGE | COPY_SRC | COPY_DST;
  let shared: GPUBuffer | undefined;
  backend.store.acquireAll = (requests) => {
    const lengths = requests.map(
      ({ entry, dtype }) => elementCount(entry.shape) * BYTES_PER_ELEMENT[dtype],
    );
    const size = Math.ceil(Math.max(16, ...lengths) / 16) * 16;
    if (shared === undefined || shared.size < size) {
      shared = device.createBuffer({ size, usage, label: 'weights/shared' });
    }
    const buffer = shared;
    const weights = requests.map((request, i): GpuWeight => {
      const [first, scales] = laidOutArrays(request.entry.shape, request).map((array) => ({
        ...array,
        buffer,
        byteLength: lengths[i]!,
      }));
      return { ...first!, ...(scales === undefined ? {} : { scales }) };
    });
    return Promise.resolve(weights);
  };
}
