/**
 * Whole runs against diffusers, on wasm: every sampler, text-to-image and image-to-image.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { runCase } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { collectCases } from '../../../tools/conformance/run.ts';
import { readEmbedded, readGolden } from '../../support/goldens.ts';

const setting = { backend: 'wasm', precision: 'float32' } as const;
const folder = new GoldenFolder(readGolden, readEmbedded);
const CLAIMED = [
  /^pipelines\/(txt2img|img2img|inpaint)\//,
  /^pipelines\/(sdxl|controlnet)$/,
  /^pipelines\/lora-/,
  /^embedded\//,
  /^distilled\//,
  /^exported\/(text|unet(_rect)?|vae|inpaint)\//,
  // The rest is in the command; these are a sampler that stops between timesteps, a batch, and a picture to begin with.
  /^exported\/(txt2img\/(EulerDiscrete|batch2)|img2img\/DDIM_0\.3)$/,
];
const all = await collectCases(folder, ['parts', 'pipelines', 'distilled', 'embedded'], setting);
const cases = all.filter(({ name }) => CLAIMED.some((pattern) => pattern.test(name)));

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

describe('runs on wasm', () => {
  test('are all there that are claimed', () => {
    expect(cases).toHaveLength(19 + 6 + 2 + 2 + 4 + 16 + 10 + 6 + 1 + 3);
  });

  test.each(cases)('$name', async (each) => {
    const isPart = /^(pipelines\/lora-|exported\/(text|unet|vae))/.test(each.name);
    expect(each.tolerance).toBe(isPart ? 1e-4 : 1e-3);
    expect(await runCase(each, runtime)).toMatchObject({ status: 'passed' });
  });
});
