/**
 * A component's weights as a real safetensors file on disk, written by formula and removed afterwards.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { StorageDtype } from '../../src/tensor/dtype.ts';
import type { Fullsize } from '../../tools/goldens/fullsize.ts';
import { writeGenerated } from '../../tools/goldens/write-generated.ts';

/** Writes the file, gives its path to `use`, and removes it. */
export async function withComponentFile<T>(
  file: Fullsize,
  component: string,
  dtype: StorageDtype,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const { seed, components } = file.golden.json;
  const folder = await mkdtemp(join(tmpdir(), 'local-diffusion-bench-'));
  try {
    const path = join(folder, `${component.replace('/', '-')}.safetensors`);
    const { tensors } = components[component]!;
    await writeGenerated(path, component, { seed, tensors, dtype });
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
