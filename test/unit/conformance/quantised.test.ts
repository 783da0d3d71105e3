/**
 * Weights of 8 bits on wasm: every kind of network against PyTorch's numbers, and a whole picture of the embedded model.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { runCase } from '../../../tools/conformance/case.ts';
import { partsCases } from '../../../tools/conformance/parts-cases.ts';
import { embeddedCases } from '../../../tools/conformance/pipelines-cases.ts';
import { readEmbedded, readGolden } from '../../support/goldens.ts';

const PICTURE = 'embedded/DDIMScheduler/0';

const setting = { backend: 'wasm', precision: 'float32', weightBits: 8 } as const;
const folder = new GoldenFolder(readGolden, readEmbedded);
const parts = (await partsCases(folder, setting)).filter(({ name }) =>
  /^parts\/(text\/last_hidden_state|(sd2|sdxl)\/out|controlnet\/unet_out|(vae|taesd)\/decoded)$/.test(
    name,
  ),
);

let runtime: Runtime;
beforeAll(async () => {
  // Every matrix, since this model has no large ones.
  ({ runtime } = await startRuntime({ backend: 'wasm', weightBits: 8, quantiseFrom: 0 }));
});
afterAll(() => runtime.dispose());

test('there are cases of every kind', () => expect(parts).toHaveLength(6));

test.each(parts)('$name', async (each) => {
  // Networks of random weights err most; autoencoders are not quantised.
  expect(each.tolerance).toBe(/vae|taesd/.test(each.name) ? 1e-4 : 2e-2);
  expect(await runCase(each, runtime)).toMatchObject({ status: 'passed' });
});

test('a picture is that of diffusers but for what nobody sees', async () => {
  const cases = await embeddedCases(folder, setting);
  const drawn = await cases.find(({ name }) => name === PICTURE)?.run(runtime);
  const picture = drawn?.find(({ measure }) => measure === 'mean');
  if (picture === undefined) throw new Error(`no picture of ${PICTURE}`);
  const { computed, expected } = picture;
  expect(computed.dims).toEqual(expected.dims);
  const off = [...computed.data].map((value, i) => Math.abs(value - (expected.data[i] ?? NaN)));
  // In a range of 1. What pictures of the same weights may differ by from diffusers', on average: two steps of a byte.
  expect(off.reduce((sum, each) => sum + each, 0) / off.length).toBeLessThan(2 / 255);
  // A tenth of the range shows on an edge.
  expect(Math.max(...off)).toBeLessThan(0.1);
  // Weights of 16 bits are right to a thousandth of a byte.
  expect(Math.max(...off)).toBeGreaterThan(1 / 255);
});
