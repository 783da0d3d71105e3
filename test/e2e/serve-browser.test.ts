/**
 * The server's engine in an installed browser: calls that cross over, and what becomes of them when something goes wrong.
 */

import { expect, onTestFinished, test } from 'vitest';

import type { DrawingEngine } from '../../src/api/engine-artist.ts';
import { shippedManifest } from '../../src/models/manifest.ts';
import type { GenerateRequest } from '../../src/pipelines/generate.ts';
import { startBrowserEngine, type BrowserEngineOptions } from '../../tools/serve/browser-engine.ts';

const REQUEST: GenerateRequest = {
  prompt: 'a flat cat face',
  negativePrompt: '',
  width: 64,
  height: 64,
  samples: 1,
  steps: 2,
  guidanceScale: 4,
  seed: [1],
  scheduler: 'DDIMScheduler',
  wishes: {},
  clipSkip: 0,
};

function started(options: Partial<BrowserEngineOptions>): Promise<DrawingEngine> {
  return startBrowserEngine({ onGone: () => undefined, log: () => undefined, ...options });
}

test('draws, tells how far it is, carries errors over and stops when it is told to', async () => {
  const engine = await started({ backend: 'wasm' });
  onTestFinished(() => engine.dispose());
  expect(engine.report.backend).toBe('wasm');
  const [entry] = shippedManifest().models;
  if (entry === undefined) throw new Error('the manifest is empty');
  await engine.openModel(entry, {});

  const steps: number[] = [];
  const onProgress = ({ step }: { step: number }): void => void steps.push(step);
  const { images } = await engine.generate(entry.id, REQUEST, { onProgress });
  expect(images.dims).toEqual([1, 3, 64, 64]);
  expect(images.data).toBeInstanceOf(Float32Array);
  expect(new Set(images.data).size).toBeGreaterThan(100);
  expect(Math.max(...steps)).toBe(2);

  await expect(engine.generate('nobody', REQUEST, {})).rejects.toMatchObject({
    name: 'EngineError',
    code: 'invalid-argument',
  });

  const controller = new AbortController();
  const stopped = engine.generate(
    entry.id,
    { ...REQUEST, steps: 200 },
    { signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) },
  );
  await expect(stopped).rejects.toThrow('enough');
});

test('does not draw on the CPU where the GPU was asked for', async () => {
  // This browser is given no adapter but a software renderer, on every machine of the tests.
  await expect(started({ backend: 'webgpu', flags: ['--disable-gpu'] })).rejects.toMatchObject({
    code: 'webgpu-unavailable',
  });
});
