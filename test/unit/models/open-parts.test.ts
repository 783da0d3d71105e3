/**
 * Models from the web: downloaded once, opened from disk afterwards, also without a connection.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DownloadStore } from '../../../src/downloads/download-store.ts';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { parseManifest, type ModelEntry } from '../../../src/models/manifest.ts';
import { partsOf } from '../../../src/models/open-parts.ts';
import { GOLDENS, readGolden } from '../../support/goldens.ts';

const FILES = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'text_encoder/config.json',
  'text_encoder/model.safetensors',
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'vae/config.json',
  'vae/diffusion_pytorch_model.safetensors',
];

let server: Server;
let hub: string;
let folder: string;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(path);
    void answer(path).then(
      (bytes) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** A hub with one repository, tiny/sd15, and a single file. */
async function answer(path: string): Promise<Uint8Array> {
  if (path.startsWith('/tiny-sd15.ldm.safetensors')) return readGolden('tiny-sd15.ldm.safetensors');
  if (path === '/api/models/tiny/sd15/tree/main?recursive=true') {
    const entries = FILES.map(async (file) => {
      const bytes = await readFile(join(GOLDENS, 'tiny-sd15', file));
      const oid = createHash('sha256').update(bytes).digest('hex');
      const lfs = file.endsWith('.safetensors') ? { lfs: { oid } } : {};
      return { type: 'file', path: file, size: bytes.length, ...lfs };
    });
    return new TextEncoder().encode(JSON.stringify(await Promise.all(entries)));
  }
  const file = /^\/tiny\/sd15\/resolve\/main\/(.+)$/.exec(path)?.[1];
  if (file === undefined || !FILES.includes(file)) throw new Error('there is no such file');
  return readFile(join(GOLDENS, 'tiny-sd15', file));
}

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
    expect(told.size).toBe(FILES.length);
    const requests = asked.length;

    server.closeAllConnections();
    server.close();
    const again = await partsOf(entry, { store });
    expect([...again.vae.checkpoint.tensors.keys()]).toEqual([
      ...parts.vae.checkpoint.tensors.keys(),
    ]);
    expect(asked.length).toBe(requests);
  });

  it('that cannot be reached and was never here says so', async () => {
    server.close();
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
