/**
 * The library: entries added at run time, their files looked at, downloaded, verified, deleted; and what is no use refused by
 * name.
 */

import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Library } from '../../../src/api/library/library.ts';
import { nodeRecords } from '../../../src/api/library/node-records.ts';
import { ModelRegistry } from '../../../src/api/model-registry.ts';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { EntryFiles } from '../../../src/engine/entry-files.ts';
import type { EntryProgress } from '../../../src/engine/entry-progress.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';
import { GOLDENS, readGolden } from '../../support/goldens.ts';
import { EXPORTED_FILES, ModelServer, REPOSITORY_FILES } from '../../support/model-server.ts';

let server: ModelServer;
let folder: string;
let models: ModelRegistry;

beforeEach(async () => {
  server = await ModelServer.start();
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
});

afterEach(async () => {
  server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A library over the folder, as after another start of the program. */
function library(): Library {
  const manifest = shippedManifest();
  models = new ModelRegistry(manifest.models, { defaultModel: manifest.default });
  const store = openNodeStore(join(folder, 'store'), { hubs: [server.origin] });
  return new Library({
    manifest,
    models,
    files: async () => new EntryFiles(async () => store),
    records: nodeRecords(join(folder, 'library.json')),
  });
}

async function fileOf(name: string, path = name): Promise<File> {
  return new File([await readGolden(path)], name);
}

const single = (): string => `${server.origin}/tiny-sd15.ldm.safetensors`;
const tiny = { kind: 'model', id: 'tiny-sd15.ldm' } as const;

describe('a file at an address', () => {
  it('is told by its header, and is there on the next start', async () => {
    const own = library();
    const { size } = new Blob([await readGolden('tiny-sd15.ldm.safetensors')]);
    expect(await own.add(single())).toMatchObject({
      ...tiny,
      isOwn: true,
      entry: { family: 'sd1', nativeSize: 512, source: { kind: 'file', url: single() } },
    });
    expect(models.find('tiny-sd15.ldm')?.downloadBytes).toBe(size);
    expect(await own.stored([tiny])).toEqual([
      { ...tiny, state: 'absent', bytesHere: 0, bytesTotal: size },
    ]);

    const next = library();
    await next.ready();
    expect(next.entries().map(({ id }) => id)).toContain('tiny-sd15.ldm');
    expect(models.find('tiny-sd15.ldm')).toBeDefined();
  });

  it('is downloaded, verified, found damaged, and deleted', async () => {
    const own = library();
    await own.add(single());
    const told: EntryProgress[] = [];
    await own.download(tiny, { onProgress: (progress) => told.push(progress) });
    const [stored] = await own.stored([tiny]);
    expect(stored).toMatchObject({ state: 'here', bytesHere: stored?.bytesTotal });
    expect(told.at(-1)).toMatchObject({ phase: 'done', received: stored?.bytesHere });
    expect(await own.storage()).toMatchObject({ usage: stored?.bytesHere });
    expect(await own.verify(tiny)).toBe(true);

    const [host = ''] = (await readdir(join(folder, 'store'))).filter((name) => name[0] !== '.');
    const path = join(folder, 'store', host, 'tiny-sd15.ldm.safetensors');
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await own.verify(tiny)).toBe(false);
    expect(await own.stored([tiny])).toMatchObject([{ state: 'partial' }]);

    await own.remove(tiny);
    expect(await own.storage()).toMatchObject({ usage: 0 });
    expect(models.find('tiny-sd15.ldm')).toBeUndefined();
    await expect(own.download(tiny)).rejects.toThrow('there is no model tiny-sd15.ldm');
  });

  it('is added once, and others of the same name get a number', async () => {
    const own = library();
    const first = await own.add(single());
    expect((await own.add(single())).id).toBe(first.id);
    expect((await own.add(`${single()}?other`)).id).toBe('tiny-sd15.ldm-2');
    await expect(own.add(`${single()}?third`, { id: 'emoji-64' })).rejects.toThrow(
      'there is a model emoji-64 already',
    );
  });

  it.each([
    ['a.safetensors', 'PK\u0003\u0004 rest of a zip archive', /a\.safetensors .*zip archive/],
    ['a.ckpt', '\u0080\u0002}q\u0000.', /a\.ckpt .*pickle/],
    ['b.safetensors', '<!doctype html><title>Log in</title>', /b\.safetensors .*web page/],
    ['c.safetensors', 'version https://git-lfs.github.com/spec/v1\noid', /c\.safetensors .*LFS/],
    ['d.safetensors', 'no weights at all, only words', /d\.safetensors/],
  ])('that is none is refused before it is downloaded: %s', async (name, text, reason) => {
    const own = library();
    server.files.set(
      name,
      Uint8Array.from(text, (c) => c.charCodeAt(0)),
    );
    await expect(own.add(`${server.origin}/${name}`)).rejects.toThrow(reason);
    expect(own.entries().every(({ isOwn }) => !isOwn)).toBe(true);
    expect((await own.storage()).usage).toBe(0);
  });

  it('that ends early is refused with its name and why', async () => {
    const own = library();
    const whole = await readGolden('tiny-sd15.ldm.safetensors');
    server.files.set('short.safetensors', whole.subarray(0, whole.length - 1000));
    await expect(own.add(`${server.origin}/short.safetensors`)).rejects.toThrow(
      /short\.safetensors .*(?:end|truncated|byte)/,
    );
  });

  it('pauses, and goes on from there', async () => {
    const own = library();
    await own.add(single());
    server.dropsAfter = 100_000;
    const pause = new AbortController();
    const reason = new Error('enough for today');
    await expect(
      own.download(tiny, {
        signal: pause.signal,
        onProgress: ({ received }) => {
          if (received > 0) pause.abort(reason);
        },
      }),
    ).rejects.toBe(reason);
    await Promise.all(own.downloads().map(() => new Promise((resolve) => setTimeout(resolve))));
    server.dropsAfter = undefined;
    const asked = server.asked.length;
    await own.download(tiny);
    expect(server.asked.length).toBeGreaterThan(asked);
    expect(await own.stored([tiny])).toMatchObject([{ state: 'here' }]);
  });
});

describe('a repository of a hub', () => {
  const repository = { kind: 'model', id: 'sd15' } as const;

  it('is looked at, and its files come side by side', async () => {
    const own = library();
    const added = await own.add('tiny/sd15', { hub: server.origin });
    expect(added).toMatchObject({
      ...repository,
      entry: { nativeSize: expect.any(Number), source: { kind: 'hub', repository: 'tiny/sd15' } },
    });
    const totals: (number | undefined)[] = [];
    await own.download(repository, { onProgress: ({ total }) => totals.push(total) });
    const [stored] = await own.stored([repository]);
    expect(stored?.state).toBe('here');
    expect(totals.at(-1)).toBe(stored?.bytesHere);
    expect(added.entry.downloadBytes).toBe(stored?.bytesHere);
    const wanted = REPOSITORY_FILES.map((file) => `/tiny/sd15/resolve/main/${file}`);
    expect(wanted.every((path) => server.asked.includes(path))).toBe(true);

    server.stop();
    expect(await library().stored([repository])).toMatchObject([{ state: 'here' }]);
  });

  it('of exported graphs is told with their sizes, and comes side by side as well', async () => {
    const own = library();
    const added = await own.add('tiny/onnx', { hub: server.origin });
    const sizeOf = async (path: string): Promise<number> =>
      (await readGolden(`tiny-sd15-onnx/${path}`)).length;
    const needed = EXPORTED_FILES.slice(2);
    const sizes = await Promise.all(needed.map(sizeOf));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(added.entry).toMatchObject({
      downloadBytes: bytes,
      exportedBytes: {
        text_encoder: await sizeOf('text_encoder/model.onnx'),
        unet: await sizeOf('unet/model.onnx'),
        vae_decoder: await sizeOf('vae_decoder/model.onnx'),
        vae_encoder: await sizeOf('vae_encoder/model.onnx'),
      },
    });
    const name = { kind: 'model', id: 'onnx' } as const;
    server.graphsAtOnce = 2;
    const totals = new Set<number | undefined>();
    await own.download(name, { onProgress: ({ total }) => totals.add(total) });
    expect([...totals]).toEqual([bytes]);
    const sent = server.asked.filter((path) => path.includes('/resolve/'));
    expect(new Set(sent)).toEqual(new Set(needed.map((file) => `/tiny/onnx/resolve/main/${file}`)));
    server.stop();
    expect(await library().stored([name])).toEqual([
      { ...name, state: 'here', bytesHere: bytes, bytesTotal: bytes },
    ]);
  });

  it('shares its files with an entry of the same, which keeps them', async () => {
    const own = library();
    await own.add('tiny/sd15', { hub: server.origin });
    await own.add('tiny/sd15', { hub: server.origin, id: 'again' });
    await own.download(repository);
    await own.remove({ kind: 'model', id: 'again' });
    expect(await own.stored([repository])).toMatchObject([{ state: 'here' }]);
    await own.discard(repository);
    expect(await own.stored([repository])).toMatchObject([{ state: 'absent', bytesHere: 0 }]);
  });
});

describe('files from disk', () => {
  it('are sorted by what they are, and those of no use are named', async () => {
    const own = library();
    const { added, refused } = await own.addFiles([
      await fileOf('tiny.safetensors', 'tiny-sd15.ldm.safetensors'),
      await fileOf('style.safetensors', 'lora-a.safetensors'),
      await fileOf('word.pt', 'embeddings/a1111.pt'),
      await fileOf('edges.safetensors', 'tiny-controlnet/diffusion_pytorch_model.safetensors'),
      await fileOf('vae.safetensors', 'tiny-sd15/vae/diffusion_pytorch_model.safetensors'),
      await fileOf('unet.safetensors', 'tiny-sd15/unet/diffusion_pytorch_model.safetensors'),
      new File(['<html>'], 'page.safetensors'),
    ]);
    expect(added.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      'model tiny',
      'lora style',
      'embedding word',
      'controlnet edges',
      'vae vae',
    ]);
    expect(refused).toMatchObject([
      { name: 'unet.safetensors', reason: expect.stringContaining('only the UNet') },
      { name: 'page.safetensors', reason: expect.stringContaining('web page') },
    ]);
    expect(await own.stored(added)).toMatchObject(added.map(() => ({ state: 'here' })));
    expect(models.adjunct('lora', 'style')).toBeDefined();
  });

  it('are lost with the program, and found again when they are chosen again, or kept as copies', async () => {
    const own = library();
    await own.addFiles([await fileOf('tiny.safetensors', 'tiny-sd15.ldm.safetensors')]);
    const name = { kind: 'model', id: 'tiny' } as const;

    const next = library();
    expect(await next.stored([name])).toMatchObject([{ state: 'lost' }]);
    await expect(next.download(name)).rejects.toThrow('choose it again');
    await next.addFiles([await fileOf('tiny.safetensors', 'tiny-sd15.ldm.safetensors')]);
    expect(next.entries().filter(({ isOwn }) => isOwn)).toHaveLength(1);
    await next.keepCopy(name);

    expect(await library().stored([name])).toMatchObject([{ state: 'here' }]);
    expect(await library().verify(name)).toBe(true);
  });

  it('in Node are used by their paths, folders too', async () => {
    const own = library();
    const file = pathToFileURL(join(GOLDENS, 'tiny-sd15.ldm.safetensors')).href;
    const added = await own.add(file);
    expect(added.entry.source).toEqual({ kind: 'file', url: file });
    const whole = await own.add(`${pathToFileURL(join(GOLDENS, 'tiny-sd15')).href}/`);
    expect(whole).toMatchObject({ kind: 'model', id: 'tiny-sd15' });
    await own.download(whole);
    expect((await own.storage()).usage).toBe(0);
  });
});
