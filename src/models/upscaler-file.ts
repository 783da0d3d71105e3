/**
 * An upscaler's file, opened: a safetensors file or one of PyTorch's, under the newer or the older names.
 */

import { upscalerConfig, type UpscalerConfig } from '../networks/upscaler-config.ts';
import type { ByteSource, Checkpoint } from '../weights/checkpoint.ts';
import { hasOldEsrganNames, oldEsrgan } from '../weights/single-file/esrgan-names.ts';
import { openNetworkFile } from '../weights/torch-checkpoint.ts';

/** What an upscaler is made of. */
export type UpscalerPart = { readonly config: UpscalerConfig; readonly checkpoint: Checkpoint };

/**
 * Opens the file under the id `id`: names and shapes are read, weights are not.
 *
 * @throws EngineError naming the file, as {@link openNetworkFile} and {@link upscalerConfig} do.
 */
export async function openUpscalerFile(
  id: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<UpscalerPart> {
  const file = await openNetworkFile(id, source, signal === undefined ? {} : { signal });
  const checkpoint = hasOldEsrganNames(file) ? oldEsrgan(file) : file;
  return { config: upscalerConfig(checkpoint, source.name), checkpoint };
}
