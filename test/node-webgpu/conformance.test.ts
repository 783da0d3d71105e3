/**
 * Every network against PyTorch's numbers on a GPU that is computed by the CPU: Dawn over SwiftShader, in f32.
 *
 * The order of summation differs from PyTorch's and between GPUs, hence 1e-3 where wasm has 1e-4. f16 needs a
 * real GPU: `npm run conformance -- test/goldens --backend webgpu --precision f16`.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { runCase } from '../../tools/conformance/case.ts';
import { GoldenFolder } from '../../tools/conformance/folder.ts';
import { collectCases } from '../../tools/conformance/run.ts';
import { readGolden } from '../support/goldens.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const TOLERANCE = 1e-3;

const all = await collectCases(new GoldenFolder(readGolden), ['parts', 'fullsize', 'upscalers'], {
  backend: 'webgpu',
  precision: 'float32',
});
const isSmall = (name: string): boolean =>
  /^(parts\/(?!tokens\/)|fullsize\/wide\/|upscalers\/)/.test(name);
const cases = all.filter(({ name }) => isSmall(name));

let runtime: Runtime;
beforeAll(async () => {
  runtime = await softwareRuntime();
});
afterAll(() => runtime.dispose());

describe('on WebGPU in float32', () => {
  test.each(cases)('$name', async (each) => {
    expect(each.tolerance).toBe(TOLERANCE);
    expect(await runCase(each, runtime)).toMatchObject({ status: 'passed' });
  });

  test('there were cases of all files', () => {
    expect(cases.filter(({ name }) => name.startsWith('parts/')).length).toBeGreaterThan(30);
    expect(cases.filter(({ name }) => name.startsWith('fullsize/'))).toHaveLength(7);
    expect(cases.filter(({ name }) => name.startsWith('upscalers/'))).toHaveLength(7);
  });
});
