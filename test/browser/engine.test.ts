/**
 * The engine in a browser's worker: every build of the runtime library gives the right numbers, and what crosses
 * the boundary survives it.
 */

import { wrap } from 'comlink';
import { afterAll, describe, expect, it } from 'vitest';

import { EngineClient, EngineError, type ComponentCall } from '../../src/index.ts';
import { values } from '../../src/runtime/self-check/values.ts';
import type { ConformanceService } from '../support/conformance.worker.ts';
import { fetchFile } from '../support/browser.ts';

describe('networks against PyTorch', () => {
  it.each([
    { backend: 'webgpu', build: 'jspi', cases: 36 },
    { backend: 'webgpu', build: 'asyncify', cases: 36 },
    { backend: 'wasm', build: undefined, cases: 36 },
  ] as const)('are right on $backend, build $build', async ({ backend, build, cases }) => {
    const worker = new Worker(new URL('../support/conformance.worker.ts', import.meta.url), {
      type: 'module',
    });
    const service = wrap<ConformanceService>(worker);
    const only = '^parts/(?!tokens)';
    const outcome = await service.run(
      build === undefined ? { backend, only } : { backend, build, only },
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
