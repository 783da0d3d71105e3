/**
 * ONNX folders on a web server and on a hub: opened, drawn with, and told apart from other folders by nothing but what
 * they cannot do.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { Engine } from '../../../src/engine/engine.ts';
import type { EngineError } from '../../../src/errors.ts';
import { ControlNet } from '../../../src/models/controlnet.ts';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { networkOfFolder, partsOfFolder } from '../../../src/models/folder-parts.ts';
import { fitLoras } from '../../../src/models/lora-parts.ts';
import type { ModelEntry } from '../../../src/models/manifest.ts';
import { partsOf } from '../../../src/models/open-parts.ts';
import { generate, type GenerateRequest } from '../../../src/pipelines/generate.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { readLora } from '../../../src/weights/lora/lora-file.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { exportedFolder } from '../../support/exported-folder.ts';
import { readGolden } from '../../support/goldens.ts';

const request: GenerateRequest = {
  prompt: 'a cat',
  width: 16,
  height: 16,
  steps: 2,
  guidanceScale: 1.5,
  samples: 2,
  seed: 4,
  scheduler: 'DDIMScheduler',
};

/** Paths that the server was asked for. */
const asked: string[] = [];
let files: Map<string, Uint8Array<ArrayBuffer>>;
let server: Server;
let origin: string;
let folder: string;
let runtime: Runtime;

beforeAll(async () => {
  files = await exportedFolder(readGolden);
  server = createServer((message, response) => {
    const path = decodeURIComponent(message.url ?? '');
    asked.push(path);
    const list = [...files].map(([file, { length }]) => ({ type: 'file', path: file, size: length }));
    const bytes = path.startsWith('/api/models/')
      ? new TextEncoder().encode(JSON.stringify(list))
      : files.get(path.replace(/^\/(toy\/onnx\/resolve\/main|folder)\//, ''));
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});

afterAll(async () => {
  await runtime.dispose();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const entryOf = (source: ModelEntry['source']): ModelEntry => ({
  id: 'toy',
  name: 'Toy',
  source,
  nativeSize: 16,
  licence: 'none',
});

const onWeb = () => entryOf({ kind: 'folder', url: `${origin}/folder` });

describe('an ONNX folder', () => {
  it('on a web server is opened and drawn with by the engine', async () => {
    const engine = await Engine.start({ backend: 'wasm' });
    expect(await engine.openModel(onWeb())).toEqual({ nativeSize: 512 });
    const { images, latents } = await engine.generate('toy', request);
    expect(images.dims).toEqual([2, 3, 16, 16]);
    expect(latents.dims).toEqual([2, 4, 2, 2]);
    const held = engine.memory().residentBytes;
    expect(held).toBeGreaterThan(0);
    await engine.unload('toy');
    expect(engine.memory().residentBytes).toBe(0);
    await engine.dispose();
  });

  it('on a hub is downloaded with the files its graphs name, and read from disk then', async () => {
    const entry = entryOf({ kind: 'hub', repository: 'toy/onnx', hub: origin });
    const store = () => Promise.resolve(openNodeStore(folder, { hubs: [origin] }));
    const told = new Set<string>();
    await partsOf(entry, { store, onDownload: ({ path }) => told.add(path) });
    const names = [...told].map((path) => path.split('/main/')[1] ?? '');
    expect(names.toSorted()).toEqual([...files.keys()].toSorted());
    const first = await generate(new DiffusionModel(runtime, await partsOf(onWeb())), request);
    asked.length = 0;
    const again = new DiffusionModel(runtime, await partsOf(entry, { store }));
    expect(asked.filter((path) => path.includes('/resolve/'))).toEqual([]);
    expect((await generate(again, request)).latents).toEqual(first.latents);
  });

  it('whose entry does not tell what it needs is refused once its files do', async () => {
    const engine = await Engine.start({ backend: 'wasm', memoryBytes: 100 });
    const { texts } = await partsOf(onWeb());
    const weights = [...texts[0].checkpoint.tensors.values()];
    const bytes = weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeGreaterThan(100);
    const refusal: unknown = await engine.openModel(onWeb()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'out-of-memory',
      message: expect.not.stringContaining('downloaded') as string,
      detail: { model: 'toy', limit: 100 },
    });
    expect((refusal as EngineError).detail['bytes']).toBeGreaterThanOrEqual(bytes);
    await engine.dispose();
  });

  it('starts from a picture, and takes an autoencoder of safetensors files in place of its own', async () => {
    const parts = await partsOf(onWeb());
    const model = new DiffusionModel(runtime, parts);
    expect(model.vae.config.scalingFactor).toBe(0.25);
    const picture = hostTensor(new Float32Array(3 * 256).fill(0.5), [1, 3, 16, 16]);
    const { latents } = await generate(model, { ...request, picture, strength: 0.5 });
    expect(latents.dims).toEqual([2, 4, 2, 2]);
    const { vae } = await partsOfFolder(modelFolder('tiny-sd15', readGolden, 'tiny-sd15/'));
    const mixed = new DiffusionModel(runtime, { ...parts, vae });
    const { images } = await generate(mixed, request);
    expect(images.dims).toEqual([2, 3, 16, 16]);
    expect(images.data.some((value) => value > 0 && value < 1)).toBe(true);
  });

  it('takes no LoRA, no ControlNet and no clip skip, and says so', async () => {
    const parts = await partsOf(onWeb());
    const lora = bufferSource(await readGolden('lora-a.safetensors'), 'lora-a');
    const applied = { file: await readLora(lora), unetStrength: 1, textEncoderStrength: 1 };
    expect(() => fitLoras(parts, [applied])).toThrow(/toy is an exported model, whose weights LoRAs/);
    const model = new DiffusionModel(runtime, parts);
    await expect(generate(model, { ...request, clipSkip: 1 })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('clip skip') as string,
    });
    const part = await networkOfFolder(modelFolder('net', readGolden, 'tiny-controlnet/'));
    const net = new ControlNet(runtime, part.config, part.checkpoint);
    const hint = hostTensor(new Float32Array(3 * 256), [1, 3, 16, 16]);
    const control = [{ id: 'net', hint }];
    const controlNets = new Map([['net', net]]);
    await expect(generate(model, { ...request, control }, { controlNets })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('no inputs for ControlNets') as string,
    });
  });

  it('without a file that it needs says which', async () => {
    const less = (path: string) =>
      partsOfFolder({
        name: 'toy',
        open: (each) => {
          const bytes = each === path ? undefined : files.get(each);
          return Promise.resolve(bytes && bufferSource(bytes, each));
        },
      });
    await expect(less('vae_decoder/weights.pb')).rejects.toThrow(
      'the model toy has no file vae_decoder/weights.pb',
    );
    await expect(less('vae_decoder/model.onnx')).rejects.toThrow(/toy has no file vae\//);
    await expect(less('unet/model.onnx')).rejects.toThrow(/toy has no file unet\//);
    expect((await less('vae_encoder/model.onnx')).vae.exportedEncoder).toBeUndefined();
  });
});
