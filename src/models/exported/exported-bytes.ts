/**
 * How large the exported networks of a model are, told from its files once they are here.
 */

import type { OnnxFile } from '../../weights/onnx/onnx-file.ts';
import type { ModelParts } from '../model-parts.ts';
import type { ExportedBytes } from '../needed-files.ts';

/** Bytes of weights and of what stays inside the graphs, by network; undefined for a model without exported ones. */
export function bytesOfExported({ texts, unet, vae }: ModelParts): ExportedBytes | undefined {
  const [first, second] = texts;
  const files: Readonly<Record<keyof ExportedBytes, OnnxFile | undefined>> = {
    text_encoder: first.exported,
    text_encoder_2: second?.exported,
    unet: unet.exported,
    vae_decoder: vae.exported,
    vae_encoder: vae.exportedEncoder,
  };
  const sizes = Object.entries(files).flatMap(([network, file]) =>
    file === undefined ? [] : [[network, bytesOf(file)] as const],
  );
  return sizes.length === 0 ? undefined : Object.fromEntries(sizes);
}

function bytesOf({ checkpoint, body }: OnnxFile): number {
  const weights = [...checkpoint.tensors.values()];
  return weights.reduce((sum, { byteLength }) => sum + byteLength, body.byteLength);
}
