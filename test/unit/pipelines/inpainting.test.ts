/**
 * Masks and hints that do not fit, and what a model trained to inpaint does without a mask.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlNet } from '../../../src/models/controlnet.ts';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { generate, type GenerateRequest } from '../../../src/pipelines/generate.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { readGolden } from '../../support/goldens.ts';

const SIZE = 64;

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

function open(name: string): Promise<DiffusionModel> {
  return DiffusionModel.open(runtime, modelFolder(name, readGolden, `${name}/`));
}

function filled(value: number, channels: number, edge = SIZE): HostTensor {
  return hostTensor(new Float32Array(channels * edge * edge).fill(value), [
    1,
    channels,
    edge,
    edge,
  ]);
}

const request: GenerateRequest = {
  prompt: 'a cat',
  width: SIZE,
  height: SIZE,
  steps: 2,
  guidanceScale: 3,
  seed: 1,
  scheduler: 'DDIMScheduler',
};

describe('a mask', () => {
  it('must belong to a picture of its size', async () => {
    const model = await open('tiny-sd15');
    await expect(generate(model, { ...request, mask: filled(1, 1) })).rejects.toThrow(
      /mask.*picture/,
    );
    await expect(
      generate(model, { ...request, picture: filled(0, 3), mask: filled(1, 1, 32) }),
    ).rejects.toThrow('mask must be [1, 1, 64, 64]');
  });

  it('of nothing leaves the latents as they were, of everything is as none', async () => {
    const model = await open('tiny-sd15');
    const picture = filled(0.3, 3);
    const run = (mask?: HostTensor): Promise<HostTensor> =>
      generate(model, {
        ...request,
        picture,
        strength: 0.5,
        ...(mask === undefined ? {} : { mask }),
      }).then(({ latents }) => latents);
    const kept = await run(filled(0, 1));
    const { latents: start } = await generate(model, { ...request, picture, strength: 0 });
    expect(distance(kept, start)).toBeLessThan(1e-6);
    expect(distance(await run(filled(1, 1)), await run())).toBe(0);
  });
});

describe('a model trained to inpaint', () => {
  it('draws from text alone, as if all of a grey picture were masked', async () => {
    const model = await open('tiny-inpaint');
    const { latents } = await generate(model, request);
    const masked = { ...request, picture: filled(0, 3), mask: filled(1, 1), strength: 1 };
    expect(distance((await generate(model, masked)).latents, latents)).toBe(0);
  });
});

describe('a ControlNet', () => {
  it('must be open, and of the family of the model', async () => {
    const model = await open('tiny-sdxl');
    const control = [{ id: 'canny', hint: filled(0, 3) }];
    await expect(generate(model, { ...request, control })).rejects.toThrow(
      'no ControlNet canny is open; open are: none',
    );
    const folder = new GoldenFolder(readGolden);
    const net = new ControlNet(
      runtime,
      await folder.json('tiny-controlnet/config.json'),
      await folder.checkpoint('tiny-controlnet'),
    );
    const controlNets = new Map([['canny', net]]);
    await expect(generate(model, { ...request, control }, { controlNets })).rejects.toThrow(
      'another family',
    );
  });

  it('at scale 0 changes nothing; in guess mode it changes the prompt half alone', async () => {
    const model = await open('tiny-sd15');
    const folder = new GoldenFolder(readGolden);
    const net = new ControlNet(
      runtime,
      await folder.json('tiny-controlnet/config.json'),
      await folder.checkpoint('tiny-controlnet'),
    );
    const controlNets = new Map([['canny', net]]);
    const run = async (conditioningScale: number, isGuess = false): Promise<HostTensor> => {
      const control = [{ id: 'canny', hint: filled(0.5, 3), conditioningScale }];
      const all = { ...request, control, isGuess };
      return (await generate(model, all, { controlNets })).latents;
    };
    const { latents: without } = await generate(model, request);
    expect(distance(await run(0), without)).toBeLessThan(1e-6);
    const [plain, guessed] = [await run(1), await run(1, true)];
    expect(distance(plain, without)).toBeGreaterThan(1e-4);
    expect(distance(guessed, without)).toBeGreaterThan(1e-5);
    expect(distance(guessed, plain)).toBeGreaterThan(1e-5);
  });
});

/** The largest difference. */
function distance(a: HostTensor, b: HostTensor): number {
  expect(a.dims).toEqual(b.dims);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? NaN))), 0);
}
