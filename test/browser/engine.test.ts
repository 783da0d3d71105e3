/**
 * The engine in a browser's worker: every build of the runtime library gives the right numbers, and what crosses
 * the boundary survives it.
 */

import { wrap } from 'comlink';
import { afterAll, describe, expect, it } from 'vitest';

import { EngineClient, EngineError, type ComponentCall } from '../../src/index.ts';
import { values } from '../../src/runtime/self-check/values.ts';
import { openGolden } from '../../tools/goldens/golden-file.ts';
import type { ConformanceService } from '../../tools/conformance/browser.worker.ts';
import { fetchFile } from '../support/browser.ts';

describe('networks against PyTorch', () => {
  it.each([
    { backend: 'webgpu', build: 'jspi', cases: 37 },
    { backend: 'webgpu', build: 'asyncify', cases: 37 },
    { backend: 'wasm', build: undefined, cases: 37 },
  ] as const)('are right on $backend, build $build', async ({ backend, build, cases }) => {
    const worker = new Worker(
      new URL('../../tools/conformance/browser.worker.ts', import.meta.url),
      {
        type: 'module',
      },
    );
    const service = wrap<ConformanceService>(worker);
    // All networks, and one picture from its prompt to its pixels.
    const only = '^(parts/(?!tokens)|pipelines/txt2img/noguidance$)';
    const files = ['parts', 'pipelines'];
    const outcome = await service.run(
      build === undefined ? { backend, only, files } : { backend, build, only, files },
    );
    expect(outcome.failures).toEqual([]);
    expect(outcome).toMatchObject({ passed: cases, failed: 0, unfit: 0 });
    expect(outcome.report).toContain(build ?? 'wasm');
    worker.terminate();
  });
});

describe('the engine behind its client', () => {
  const clients: EngineClient[] = [];

  afterAll(async () => {
    for (const client of clients) await client.dispose();
  });

  const decode: ComponentCall = {
    kind: 'vae',
    decode: { dims: [1, 4, 4, 4], data: values(1, 64) },
  };

  async function start(): Promise<EngineClient> {
    const client = await EngineClient.start({
      backend: 'webgpu',
      allowSoftware: true,
      setting: { spelling: 'webgpu', precision: 'float32' },
    });
    clients.push(client);
    const config = JSON.parse(
      new TextDecoder().decode(await fetchFile('test/goldens/tiny-taesd/config.json')),
    ) as Record<string, unknown>;
    const bytes = await fetchFile('test/goldens/tiny-taesd/diffusion_pytorch_model.safetensors');
    await client.load('vae', { kind: 'vae', config, weights: new Blob([bytes]) });
    return client;
  }

  it('draws, tells progress and memory, uploads weights once and frees them', async () => {
    const client = await start();
    const progress: number[] = [];
    const first = await client.call('vae', decode, {
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(first['image']?.dims).toEqual([1, 3, 32, 32]);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const { uploadedBytes, residentBytes } = await client.memory();
    expect(residentBytes).toBeGreaterThan(100_000);
    const second = await client.call('vae', decode);
    expect(second['image']?.data).toEqual(first['image']?.data);
    expect(await client.memory()).toEqual({ uploadedBytes, residentBytes });
    await client.unload('vae');
    expect((await client.memory()).residentBytes).toBe(0);
  });

  it('carries errors and aborts across the boundary as they are', async () => {
    const client = await start();
    const error = await client.call('unet', decode).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect((error as EngineError).message).toContain('loaded are: vae');

    const controller = new AbortController();
    const running = client.call('vae', decode, { signal: controller.signal });
    const reason = new DOMException('no more', 'AbortError');
    controller.abort(reason);
    expect(await running.catch((e: unknown) => e)).toBe(reason);
    expect(
      await client
        .call('vae', decode, { signal: AbortSignal.abort(reason) })
        .catch((e: unknown) => e),
    ).toBe(reason);
    await expect(client.call('vae', decode)).resolves.toBeDefined();
  });

  it('names what is wrong with a file', async () => {
    const client = await start();
    const weights = new Blob(['<!doctype html><title>404</title>']);
    await expect(client.load('other', { kind: 'vae', config: {}, weights })).rejects.toMatchObject({
      code: 'model-malformed',
    });
  });
});

describe('drawing in the worker', () => {
  it('gives the picture that diffusers draws, tells progress, and stops within a step', async () => {
    const client = await EngineClient.start({ backend: 'wasm' });
    const { nativeSize } = await client.openModel({
      id: 'emoji-64',
      name: 'Emoji',
      source: { kind: 'folder', url: '/models/emoji-64' },
      nativeSize: 64,
      licence: 'Apache-2.0',
    });
    const request = {
      prompt: 'a flat cat face on a blue background',
      width: nativeSize,
      height: nativeSize,
      steps: 12,
      guidanceScale: 4,
      seed: 0,
      scheduler: 'UniPCMultistepScheduler',
    };
    const told: number[] = [];
    const { images } = await client.generate('emoji-64', request, {
      onProgress: ({ progress }) => told.push(progress),
    });
    expect(images.dims).toEqual([1, 3, 64, 64]);
    const golden = await openGolden((name) => fetchFile(`test/goldens/${name}`), 'embedded');
    const expected = golden.float32('UniPCMultistepScheduler/0/image').data;
    const difference = expected.reduce((sum, value, i) => {
      const at = (i % 3) * 64 * 64 + Math.floor(i / 3);
      return sum + Math.abs(value - (images.data[at] ?? 0));
    }, 0);
    expect(difference / expected.length).toBeLessThan(2 / 255);
    expect(told.at(-1)).toBe(1);
    expect(told).toEqual(told.toSorted((a, b) => a - b));

    const controller = new AbortController();
    const reason = new DOMException('enough', 'AbortError');
    const steps: number[] = [];
    const aborted = client.generate('emoji-64', request, {
      signal: controller.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 2) controller.abort(reason);
      },
    });
    await expect(aborted).rejects.toBe(reason);
    expect(Math.max(...steps)).toBeLessThan(5);
    await expect(client.generate('emoji-64', { ...request, steps: 1 })).resolves.toBeDefined();
    await expect(client.generate('nothing', request)).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await client.dispose();
  });
});
