/**
 * Models from the web: downloaded once, opened from disk afterwards, also without a connection.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DownloadStore } from '../../../src/downloads/download-store.ts';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { parseManifest, type ModelEntry } from '../../../src/models/manifest.ts';
import { partsOf } from '../../../src/models/open-parts.ts';
import { readGolden } from '../../support/goldens.ts';
import { ModelServer, REPOSITORY_FILES } from '../../support/model-server.ts';

let server: ModelServer;
let hub: string;
let folder: string;

beforeEach(async () => {
  server = await ModelServer.start();
  hub = server.origin;
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
});

afterEach(async () => {
  server.stop();
  await rm(folder, { recursive: true, force: true });
});

function entryOf(source: object): ModelEntry {
  const entry = { id: 'tiny', name: 'Tiny', source, nativeSize: 128, licence: 'none' };
  const [parsed] = parseManifest({ version: 1, default: 'tiny', models: [entry] }).models;
  return parsed as ModelEntry;
}

const store = (): Promise<DownloadStore> => Promise.resolve(openNodeStore(folder, { hubs: [hub] }));

describe('a model on a hub', () => {
  it('is downloaded once, and opens without a connection then', async () => {
    const entry = entryOf({ kind: 'hub', repository: 'tiny/sd15', hub });
    const told = new Set<string>();
    const parts = await partsOf(entry, { store, onDownload: ({ path }) => told.add(path) });
    expect(parts.unet.checkpoint.tensors.size).toBe(684);
    expect([...told].toSorted()[0]).toMatch(/^127\.0\.0\.1_\d+\/tiny\/sd15\/main\/model_index\.json$/);
    expect(told.size).toBe(REPOSITORY_FILES.length);
    const requests = server.asked.length;

    server.stop();
    const again = await partsOf(entry, { store });
    expect([...again.vae.checkpoint.tensors.keys()]).toEqual([
      ...parts.vae.checkpoint.tensors.keys(),
    ]);
    expect(server.asked.length).toBe(requests);
  });

  it('that cannot be reached and was never here says so', async () => {
    server.stop();
    const entry = entryOf({ kind: 'hub', repository: 'tiny/sd15', hub });
    const abort = AbortSignal.timeout(500);
    await expect(partsOf(entry, { store, signal: abort })).rejects.toThrow(/timeout|cannot|failed/i);
  });
});

describe('a model in a single file', () => {
  it('is downloaded, checked and opened', async () => {
    const bytes = await readGolden('tiny-sd15.ldm.safetensors');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const url = `${hub}/tiny-sd15.ldm.safetensors`;
    const parts = await partsOf(entryOf({ kind: 'file', url, size: bytes.length, sha256 }), {
      store,
    });
    expect(parts.unet.checkpoint.tensors.size).toBe(684);
    expect(parts.texts[0].tokenizer.tokenize('a cat')).toEqual([320, 2368]);
    await expect(
      partsOf(entryOf({ kind: 'file', url: `${url}?other`, size: 7 }), { store }),
    ).rejects.toMatchObject({ code: 'integrity-mismatch' });
  });
});
