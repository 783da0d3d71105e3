/**
 * A whole picture of the embedded model with weights of 8 bits, on wasm.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { embeddedCases } from '../../../tools/conformance/pipelines-cases.ts';
import { readEmbedded, readGolden } from '../../support/goldens.ts';

const NAME = 'embedded/DDIMScheduler/0';

let runtime: Runtime;
beforeAll(async () => {
  // Every matrix, since this model has no large ones.
  ({ runtime } = await startRuntime({ backend: 'wasm', weightBits: 8, quantiseFrom: 0 }));
});
afterAll(() => runtime.dispose());

test('is that of diffusers but for what nobody sees', async () => {
  const folder = new GoldenFolder(readGolden, readEmbedded);
  const cases = await embeddedCases(folder, { backend: 'wasm', precision: 'float32' });
  const drawn = await cases.find(({ name }) => name === NAME)?.run(runtime);
  const picture = drawn?.find(({ measure }) => measure === 'mean');
  if (picture === undefined) throw new Error(`no picture of ${NAME}`);
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
