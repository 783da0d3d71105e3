/**
 * The room that a run's latents are in: GPU memory where the backend has one, the heap otherwise.
 */

import type { DiffusionModel } from '../models/diffusion-model.ts';
import { GpuLatents } from '../runtime/latents/gpu-latents.ts';
import { HostLatents } from '../runtime/latents/host-latents.ts';
import type { LatentDims, Latents } from '../runtime/latents/latents.ts';
import { WebGpuBackend } from '../runtime/webgpu-backend.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';

/** Latents of a run, and a way to put numbers among them. */
export type LatentSpace<Buffer> = {
  readonly latents: Latents<Buffer>;
  /** A buffer with these numbers, ordered [B, C, H, W]. */
  readonly fill: (data: Float32Array<ArrayBuffer>) => Promise<Buffer>;
};

/** Runs `task` in a room of its own and gives the numbers of the buffer that it ends with. */
export async function inLatentSpace(
  { runtime: { backend } }: DiffusionModel,
  dims: LatentDims,
  task: <Buffer>(space: LatentSpace<Buffer>) => Promise<Buffer>,
): Promise<HostTensor> {
  const within = async <Buffer>(latents: Latents<Buffer>): Promise<HostTensor> => {
    try {
      const fill = async (data: Float32Array<ArrayBuffer>): Promise<Buffer> => {
        const buffer = latents.store.acquire();
        await latents.store.write(buffer, data);
        return buffer;
      };
      const result = await task({ latents, fill });
      return await latents.read([{ buffer: result, coefficient: 1 }]);
    } finally {
      latents.dispose();
    }
  };
  return backend instanceof WebGpuBackend
    ? backend.attempt(() => within(new GpuLatents(backend, dims)))
    : within(new HostLatents(dims));
}
