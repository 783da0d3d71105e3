/**
 * Exported graphs on a GPU that is computed by the CPU: weights as inputs, pictures in the device's order, latents that
 * stay in GPU memory, and batches that the graph was not exported for.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import { ExportedUNet } from '../../src/models/exported/exported-unet.ts';
import { generate, type GenerateRequest } from '../../src/pipelines/generate.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { relativeError, runCase } from '../../tools/conformance/case.ts';
import { GoldenFolder } from '../../tools/conformance/folder.ts';
import { collectCases } from '../../tools/conformance/run.ts';
import { exportedFolder } from '../support/exported-folder.ts';
import { opened, toyUNet } from '../support/exported-models.ts';
import { readGolden } from '../support/goldens.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const setting = { backend: 'webgpu', precision: 'float32' } as const;
const cases = await collectCases(new GoldenFolder(readGolden), ['parts'], setting);

let gpu: Runtime;
let cpu: Runtime;
beforeAll(async () => {
  gpu = await softwareRuntime();
  ({ runtime: cpu } = await startRuntime({ backend: 'wasm' }));
});
afterAll(async () => {
  await gpu.dispose();
  await cpu.dispose();
});

describe('an exported model', () => {
  test('has the text encoder that PyTorch has', async () => {
    const found = cases.find(({ name }) => name === 'exported/text/last_hidden_state');
    expect(found && (await runCase(found, gpu))).toMatchObject({ status: 'passed' });
  });

  test('draws as on wasm, from words and from a picture, and gives its memory back', async () => {
    const files = await exportedFolder(readGolden);
    const folder = {
      name: 'toy',
      open: (path: string) => {
        const bytes = files.get(path);
        return Promise.resolve(bytes && bufferSource(bytes, path));
      },
    };
    const words: GenerateRequest = {
      prompt: 'a cat',
      width: 24,
      height: 16,
      samples: 2,
      steps: 2,
      guidanceScale: 1.5,
      seed: 4,
      scheduler: 'EulerDiscreteScheduler',
    };
    const picture = hostTensor(new Float32Array(3 * 16 * 24).fill(0.5), [1, 3, 16, 24]);
    const others = gpu.backend.residentBytes;
    for (const request of [words, { ...words, picture, strength: 0.6 }]) {
      const model = await DiffusionModel.open(gpu, folder);
      const computed = await generate(model, request);
      const expected = await generate(await DiffusionModel.open(cpu, folder), request);
      for (const kind of ['latents', 'images'] as const) {
        const pair = { computed: computed[kind], expected: expected[kind] };
        expect(relativeError(pair)).toBeLessThan(1e-5);
      }
      expect(gpu.backend.residentBytes).toBeGreaterThan(others);
      await model.release();
      expect(gpu.backend.residentBytes).toBe(others);
    }
  });

  test('in float16 says that this device computes in float32', async () => {
    const unet = new ExportedUNet(gpu, {}, await opened(toyUNet({ float: 'float16' })));
    const inputs = {
      sample: hostTensor(new Float32Array(16), [1, 4, 2, 2]),
      timesteps: [1],
      context: hostTensor(new Float32Array(6), [1, 2, 3]),
    };
    await expect(unet.predict(inputs)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('take an export in float32') as string,
    });
  });
});
