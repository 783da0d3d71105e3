/**
 * Files from disk in a real browser: handles that are remembered from visit to visit, and copies in the browser's own storage.
 * The origin's private file system stands in for the disk: its handles are of the same kind.
 */

import { afterAll, afterEach, describe, expect, test } from 'vitest';

import { browserRecords } from '../../src/api/library/entry-records.ts';
import { Library } from '../../src/api/library/library.ts';
import { ModelRegistry } from '../../src/api/model-registry.ts';
import { shippedManifest } from '../../src/models/manifest.ts';
import { FilesClient } from '../../src/protocol/files-client.ts';
import { fetchFile } from '../support/browser.ts';

const name = `library-${crypto.randomUUID()}`;
const lora = { kind: 'lora', id: 'lora-a' } as const;
const visits: Library[] = [];

/** The library as on another visit: only what the browser keeps is left of the one before. */
async function visit(): Promise<Library> {
  await visits.at(-1)?.dispose();
  const manifest = shippedManifest();
  const library = new Library({
    manifest,
    models: new ModelRegistry(manifest.models, { defaultModel: manifest.default }),
    files: () => FilesClient.start(),
    records: browserRecords(name),
  });
  visits.push(library);
  await library.ready();
  return library;
}

async function disk(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(name, { create: true });
}

/** Puts files of the goldens on the disk. */
async function written(folder: FileSystemDirectoryHandle, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const steps = path.split('/');
    const file = steps.pop() ?? '';
    let place = folder;
    for (const step of steps) place = await place.getDirectoryHandle(step, { create: true });
    const stream = await (await place.getFileHandle(file, { create: true })).createWritable();
    await stream.write(await fetchFile(`test/goldens/${path}`));
    await stream.close();
  }
}

afterEach(async () => {
  const library = await visit();
  for (const { kind, id, isOwn } of library.entries())
    if (isOwn) await library.remove({ kind, id });
  await (await navigator.storage.getDirectory()).removeEntry(name, { recursive: true });
});

afterAll(async () => {
  await visits.at(-1)?.dispose();
  indexedDB.deleteDatabase(name);
});

describe('a file from disk', () => {
  test('is read where it lies, on the next visit too, until it is gone', async () => {
    const folder = await disk();
    await written(folder, ['lora-a.safetensors']);
    const first = await visit();
    const { added, refused } = await first.addFiles([
      await folder.getFileHandle('lora-a.safetensors'),
    ]);
    expect(refused).toEqual([]);
    expect(added).toMatchObject([{ ...lora, isOwn: true, entry: { source: { kind: 'local' } } }]);

    const { size } = await (await folder.getFileHandle('lora-a.safetensors')).getFile();
    const second = await visit();
    expect(await second.stored([lora])).toMatchObject([{ state: 'here', bytesHere: size }]);
    expect(second.entries()).toContainEqual(expect.objectContaining(lora));

    await folder.removeEntry('lora-a.safetensors');
    const third = await visit();
    expect(await third.stored([lora])).toMatchObject([{ state: 'lost', bytesHere: 0 }]);
  });

  test('is there without the disk once a copy is kept, and goes when it is removed', async () => {
    const folder = await disk();
    await written(folder, ['lora-a.safetensors']);
    const first = await visit();
    await first.addFiles([await folder.getFileHandle('lora-a.safetensors')]);
    await first.keepCopy(lora);
    await folder.removeEntry('lora-a.safetensors');

    const second = await visit();
    expect(await second.stored([lora])).toMatchObject([{ state: 'here' }]);
    expect(await second.verify(lora)).toBe(true);
    await second.remove(lora);
    const third = await visit();
    expect(third.entries().filter(({ isOwn }) => isOwn)).toEqual([]);
  });
});

test('a folder from disk is a model, on the next visit too', async () => {
  const folder = await disk();
  const model = 'tiny-sd15';
  await written(folder, [
    `${model}/model_index.json`,
    `${model}/scheduler/scheduler_config.json`,
    `${model}/text_encoder/config.json`,
    `${model}/text_encoder/model.safetensors`,
    `${model}/tokenizer/merges.txt`,
    `${model}/tokenizer/vocab.json`,
    `${model}/tokenizer/tokenizer_config.json`,
    `${model}/unet/config.json`,
    `${model}/unet/diffusion_pytorch_model.safetensors`,
    `${model}/vae/config.json`,
    `${model}/vae/diffusion_pytorch_model.safetensors`,
  ]);
  const first = await visit();
  const { added, refused } = await first.addFiles([await folder.getDirectoryHandle(model)]);
  expect(refused).toEqual([]);
  expect(added).toMatchObject([{ kind: 'model', id: model, entry: { nativeSize: 128 } }]);
  const second = await visit();
  const [stored] = await second.stored(added.map(({ kind, id }) => ({ kind, id })));
  expect(stored).toMatchObject({ kind: 'model', state: 'here' });
});
