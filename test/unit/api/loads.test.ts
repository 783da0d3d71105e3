/**
 * The endpoints that add models and take them away, over a real store and a server with tiny models.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Client } from '../../../src/api/client.ts';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { EntryFiles } from '../../../src/engine/entry-files.ts';
import { shippedManifest } from '../../../src/models/manifest.ts';
import { GOLDENS } from '../../support/goldens.ts';
import { ModelServer } from '../../support/model-server.ts';

let server: ModelServer;
let folder: string;
let client: Client;
/** What happens between the look at a file and its download. */
let beforeDownload: (() => void) | undefined;

beforeEach(async () => {
  server = await ModelServer.start();
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
  const store = openNodeStore(folder);
  const start = (): Promise<never> => Promise.reject(new Error('nothing is drawn here'));
  client = new Client(start, shippedManifest(), undefined, {
    files: async () => {
      const files = new EntryFiles(async () => store);
      const download = files.download.bind(files);
      files.download = async (...args) => {
        beforeDownload?.();
        return download(...args);
      };
      return files;
    },
  });
});

afterEach(async () => {
  await client.dispose();
  server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function ask(endpoint: string, body: object): Promise<object> {
  const path = `/api/v1/enterprise/${endpoint}`;
  const response = await client.fetch(path, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as object;
}

it('a model is loaded, listed, there, and deleted', async () => {
  const url = `${server.origin}/tiny-sd15.ldm.safetensors`;
  expect(await ask('load_model', { url, model_id: 'mine' })).toEqual({
    status: 'success',
    message: 'model load started',
  });
  expect(JSON.stringify(await ask('get_all_models', {}))).toContain('"mine"');
  await client.library.download({ kind: 'model', id: 'mine' });
  expect(await ask('verify_model', { model_id: 'mine' })).toMatchObject({ status: 'success' });
  expect(await ask('delete_model', { model_id: 'mine' })).toEqual({
    status: 'success',
    message: 'Model deleted on server',
  });
  expect(await ask('verify_model', { model_id: 'mine' })).toMatchObject({ status: 'error' });
  expect((await client.library.storage()).usage).toBe(0);
});

it('a model that comes to nothing after the reply says why, until it is loaded again', async () => {
  const name = 'mine.safetensors';
  const bytes = await readFile(join(GOLDENS, 'tiny-sd15.ldm.safetensors'));
  const load = { url: `${server.origin}/${name}`, model_id: 'mine', force_load: 'yes' };
  const verified = () => ask('verify_model', { model_id: 'mine' });
  server.files.set(name, bytes);
  beforeDownload = () => server.files.delete(name);
  expect(await ask('load_model', load)).toMatchObject({ status: 'success' });
  await expect.poll(verified).toMatchObject({ status: 'failed' });
  expect(JSON.stringify(await verified())).toContain('mine.safetensors at the address given');

  server.files.set(name, bytes);
  beforeDownload = undefined;
  expect(await ask('load_model', load)).toMatchObject({ status: 'success' });
  expect(await verified()).toMatchObject({ status: 'processing' });
  await expect.poll(verified).toEqual({ status: 'success', message: 'Model exists on server' });
});

it('an autoencoder is loaded by load_vae, and nothing else', async () => {
  const path = 'tiny-sd15/vae/diffusion_pytorch_model.safetensors';
  const vae = { vae_url: `${server.origin}/${path}`, vae_id: 'soft' };
  expect(await ask('load_vae', vae)).toMatchObject({ message: 'VAE load started' });
  const lora = { vae_url: `${server.origin}/lora-a.safetensors`, vae_id: 'other' };
  expect(JSON.stringify(await ask('load_vae', lora))).toContain('is a lora, not a vae');
});

it('an upscaler is loaded from a pickle of PyTorch, found to be one, and there', async () => {
  server.files.set('mine.pth', await readFile(join(GOLDENS, 'upscalers/compact.pth')));
  const load = { url: `${server.origin}/mine.pth`, model_id: 'mine' };
  const asLora = await ask('load_model', { ...load, model_type: 'lora' });
  expect(JSON.stringify(asLora)).toContain('mine.pth is an upscaler, not a lora');
  expect(await ask('load_model', { ...load, model_type: 'upscaler' })).toMatchObject({
    status: 'success',
  });
  await client.library.download({ kind: 'upscaler', id: 'mine' });
  expect(await ask('verify_model', { model_id: 'mine' })).toMatchObject({ status: 'success' });
  expect(await ask('verify_model', { model_id: 'RealESRGAN_x4plus' })).toMatchObject({
    status: 'success',
  });
  expect(await ask('delete_model', { model_id: 'RealESRGAN_x4plus' })).toMatchObject({
    status: 'error',
  });

  server.files.set('evil.pth', await readFile(join(GOLDENS, 'embeddings/evil.pt')));
  const evil = await ask('load_model', { url: `${server.origin}/evil.pth`, model_id: 'evil' });
  expect(JSON.stringify(evil)).toMatch(/evil\.pth.*nothing of it was run/);
});

it.each(['file:///etc/passwd', 'ftp://a.example/x', '/etc/passwd'])(
  'what is not on the web is refused: %s',
  async (url) => {
    expect(await ask('load_model', { url, model_id: 'x' })).toMatchObject({ status: 'error' });
  },
);
