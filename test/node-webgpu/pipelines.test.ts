/**
 * Whole runs against diffusers on a GPU that is computed by the CPU: latents and sampler steps in GPU memory.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import { generate } from '../../src/pipelines/generate.ts';
import type { GenerateProgress } from '../../src/pipelines/progress.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { relativeError, runCase } from '../../tools/conformance/case.ts';
import { GoldenFolder } from '../../tools/conformance/folder.ts';
import { modelFolder } from '../../tools/conformance/pipelines-cases.ts';
import { collectCases } from '../../tools/conformance/run.ts';
import { readGolden } from '../support/goldens.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const setting = { backend: 'webgpu', precision: 'float32' } as const;
const cases = await collectCases(new GoldenFolder(readGolden), ['pipelines'], setting);

let runtime: Runtime;
beforeAll(async () => {
  runtime = await softwareRuntime();
});
afterAll(() => runtime.dispose());

describe('runs on WebGPU', () => {
  test.each(['pipelines/txt2img/noguidance', 'pipelines/img2img/UniPCMultistep_0.3'])(
    '%s',
    async (name) => {
      const found = cases.find((each) => each.name === name);
      expect(found && (await runCase(found, runtime))).toMatchObject({ status: 'passed' });
    },
  );

  test('mix what composed prompts of two chunks say, as on wasm', async () => {
    const wasm = (await startRuntime({ backend: 'wasm' })).runtime;
    const drawn = async (on: Runtime): Promise<HostTensor> => {
      const folder = modelFolder('tiny-sd15', readGolden, 'tiny-sd15/');
      const { latents } = await generate(await DiffusionModel.open(on, folder), {
        prompt: '(a cat:1.4) BREAK [day|night] AND a dog :0.6',
        width: 64,
        height: 64,
        steps: 2,
        guidanceScale: 4,
        seed: 7,
        scheduler: 'DDIMScheduler',
      });
      return latents;
    };
    const [computed, expected] = [await drawn(runtime), await drawn(wasm)];
    // Two spellings of the network sum in different orders.
    expect(relativeError({ computed, expected })).toBeLessThan(1e-3);
    await wasm.dispose();
  });

  test('tell progress, stop within a step when aborted, and survive the loss of the device', async () => {
    const model = await DiffusionModel.open(
      runtime,
      modelFolder('tiny-sd15', readGolden, 'tiny-sd15/'),
    );
    const request = {
      prompt: 'a photo of a cat',
      width: 64,
      height: 64,
      guidanceScale: 1,
      seed: 3,
      steps: 3,
      scheduler: 'DDIMScheduler',
    };
    const told: GenerateProgress[] = [];
    const whole = await generate(model, request, { onProgress: (each) => told.push(each) });
    const progress = told.map((each) => each.progress);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.filter((each) => each === 1)).toHaveLength(1);
    expect(told.filter(({ phase }) => phase === 'denoising').map(({ step }) => step)).toEqual([
      0, 1, 2, 3,
    ]);

    const controller = new AbortController();
    const reason = new DOMException('enough', 'AbortError');
    const steps: number[] = [];
    const aborted = generate(model, request, {
      signal: controller.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 1) controller.abort(reason);
      },
    });
    await expect(aborted).rejects.toBe(reason);
    expect(Math.max(...steps)).toBe(1);

    let isLost = false;
    const again = await generate(model, request, {
      onProgress: ({ step }) => {
        if (step !== 2 || isLost) return;
        isLost = true;
        (runtime.backend as WebGpuBackend).gpu.device.destroy();
      },
    });
    expect(isLost).toBe(true);
    expect([...again.images.data]).toEqual([...whole.images.data]);
  });
});
