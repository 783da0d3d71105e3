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
];
const all = await collectCases(folder, ['pipelines', 'embedded'], setting);
const cases = all.filter(({ name }) => CLAIMED.some((pattern) => pattern.test(name)));

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

describe('runs on wasm', () => {
  test('are all there that are claimed', () => {
    expect(cases).toHaveLength(19 + 6 + 2 + 2 + 4 + 16);
  });

  test.each(cases)('$name', async (each) => {
    expect(each.tolerance).toBe(each.name.startsWith('pipelines/lora-') ? 1e-4 : 1e-3);
    expect(await runCase(each, runtime)).toMatchObject({ status: 'passed' });
  });
});
