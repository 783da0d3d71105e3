/**
 * Writes a generated checkpoint to a real safetensors file (Node only), piece by piece: the way to a
 * full-size file for tests of downloads, memory and speed.
 */

import { open } from 'node:fs/promises';
import { generatedSource, type GeneratedOptions, type GeneratedTensors } from './formula.ts';

const PIECE_BYTES = 16 * 2 ** 20;

/** Writes component `component` with `tensors` to `path`; resolves to the file's length in bytes. */
export async function writeGenerated(
  path: string,
  component: string,
  options: GeneratedOptions & {
    /** The seed string of the formula. */
    seed: string;
    tensors: GeneratedTensors;
    signal?: AbortSignal;
  },
): Promise<number> {
  const { seed, signal, ...generated } = options;
  const source = generatedSource(seed, component, generated);
  const file = await open(path, 'w');
  try {
    for (let at = 0; at < source.size; at += PIECE_BYTES) {
      const bytes = await source.read(at, Math.min(source.size, at + PIECE_BYTES), signal);
      await file.writeFile(bytes);
    }
  } finally {
    await file.close();
  }
  return source.size;
}
