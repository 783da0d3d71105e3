/**
 * Things beside models in single files: told apart by their names and shapes.
 */

import { describe, expect, it } from 'vitest';
import type { DownloadStore } from '../../../src/downloads/download-store.ts';
import type { AdjunctEntry } from '../../../src/models/manifest.ts';
import { openControlNet, openLora, openVae } from '../../../src/models/open-adjunct.ts';
import { parseControlNetConfig } from '../../../src/networks/unet-config.ts';
import { parseVaeConfig } from '../../../src/networks/vae-config.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { readGolden } from '../../support/goldens.ts';

/** A store that has the goldens: the last part of an address is a path below test/goldens. */
const store = (): Promise<DownloadStore> =>
  Promise.resolve({
    download: async ({ url }: { url: string }) => {
      const path = decodeURIComponent(new URL(url).pathname.slice(1));
      return bufferSource(await readGolden(path), path);
    },
  } as unknown as DownloadStore);

function entryOf(kind: AdjunctEntry['kind'], path: string): AdjunctEntry {
  const source = { kind: 'file', url: `https://example.com/${path}` } as const;
  return { id: 'x', kind, name: 'X', source, licence: 'none' };
}

const folder = new GoldenFolder(readGolden);

describe('an autoencoder', () => {
  it.each([
    ['tiny-sd15.ldm.safetensors', 'CompVis'],
    ['tiny-sd15/vae/diffusion_pytorch_model.safetensors', 'diffusers'],
  ])('in %s, under the names of %s', async (path) => {
    const { config, checkpoint } = await openVae(entryOf('vae', path), 0.18215, { store });
    const expected = await folder.checkpoint('tiny-sd15/vae');
    expect([...checkpoint.tensors.keys()].toSorted()).toEqual(
      [...expected.tensors.keys()].toSorted(),
    );
    const { groups: _, isSafeInHalf: __, ...derived } = parseVaeConfig(config);
    expect(parseVaeConfig(await folder.json('tiny-sd15/vae/config.json'))).toMatchObject(derived);
  });
});

describe('a ControlNet', () => {
  it('without a config has the shape that its weights tell', async () => {
    const path = 'tiny-controlnet/diffusion_pytorch_model.safetensors';
    const { config } = await openControlNet(entryOf('controlnet', path), { store });
    const { groups: _, levels, ...derived } = parseControlNetConfig(config);
    const expected = parseControlNetConfig(await folder.json('tiny-controlnet/config.json'));
    expect(expected).toMatchObject(derived);
    expect(levels.map(({ channels, layers }) => [channels, layers])).toEqual(
      expected.levels.map(({ channels, layers }) => [channels, layers]),
    );
  });
});

describe('a LoRA', () => {
  it('is called by its entry, and must be a file', async () => {
    const entry = entryOf('lora', 'lora-a.safetensors');
    expect((await openLora(entry, { store })).name).toBe('x');
    const source = { kind: 'hub', repository: 'owner/lora' } as const;
    await expect(openLora({ ...entry, source }, { store })).rejects.toThrow(
      'the lora x must be a single file',
    );
  });
});
