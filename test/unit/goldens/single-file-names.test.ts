import { describe, expect, it } from 'vitest';

import { openFileSource } from '../../../src/weights/node-file-source.ts';
import { openCheckpoint } from '../../../src/weights/safetensors.ts';
import { compVisUNetNames, compVisVaeNames } from '../../../tools/goldens/single-file-names.ts';

const GOLDENS = 'test/goldens';

async function namesOf(path: string): Promise<string[]> {
  const { tensors } = await openCheckpoint(path, [await openFileSource(`${GOLDENS}/${path}`)]);
  return [...tensors.keys()];
}

describe('names of single files', () => {
  it.each([
    { folder: 'unet', prefix: 'model.diffusion_model.', rename: compVisUNetNames },
    { folder: 'vae', prefix: 'first_stage_model.', rename: compVisVaeNames },
  ])('are those that a script of others wrote: $folder', async ({ folder, prefix, rename }) => {
    const theirs = (await namesOf('tiny-sd15.ldm.safetensors')).filter((name) =>
      name.startsWith(prefix),
    );
    const names = await namesOf(`tiny-sd15/${folder}/diffusion_pytorch_model.safetensors`);
    const ours = [...rename(names).values()].map((name) => prefix + name);
    expect(ours.toSorted()).toEqual(theirs.toSorted());
  });
});
