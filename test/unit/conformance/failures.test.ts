/**
 * What conformance must not let pass: wrong numbers, and goldens that nothing runs.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { EngineError } from '../../../src/errors.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';
import { relativeError, runCase, type Comparison } from '../../../tools/conformance/case.ts';
import { GoldenFolder, type ReadFile } from '../../../tools/conformance/folder.ts';
import { collectCases, runConformance } from '../../../tools/conformance/run.ts';
import type { GoldenArray } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';

const setting = { backend: 'wasm', precision: 'float32' } as const;
type Golden = { arrays: Record<string, GoldenArray> };

let runtime: Runtime;
beforeAll(async () => {
  runtime = new Runtime(await startWasmHost());
});
afterAll(() => runtime.dispose());

/** Runs cases of `parts` and another file over a changed folder; gives the lines that were printed, too. */
async function run(only: RegExp, read: ReadFile, files = ['parts']) {
  const lines: string[] = [];
  const cases = await collectCases(new GoldenFolder(read), files, setting);
  const print = (line: string): void => void lines.push(line);
  const summary = await runConformance(runtime, cases, { setting, only, print });
  return { summary, lines };
}

/** The goldens with one number of an array of `stem` changed by `by`. */
function tampered(stem: string, array: string, by: number): ReadFile {
  return async (path) => {
    const bytes = await readGolden(path);
    if (path !== `${stem}.bin`) return bytes;
    const json = JSON.parse(new TextDecoder().decode(await readGolden(`${stem}.json`))) as Golden;
    const { offset, dtype } = json.arrays[array]!;
    const view = new DataView(bytes.buffer, offset + 40);
    if (dtype === 'float32') view.setFloat32(0, view.getFloat32(0, true) + by, true);
    else view.setInt32(0, view.getInt32(0, true) + by, true);
    return bytes;
  };
}

describe('a golden with one number changed', () => {
  test.each([
    ['parts', 'taesd/decoded', 1],
    ['parts', 'controlnet/down/3', 0.5],
    ['parts', 'text/clip_skip_2', 0.5],
    ['parts', 'tokens/0', 1],
    ['fullsize', 'wide/vae/decode8/image', 5],
  ])('of %s: %s fails', async (stem, array, by) => {
    const name = array.replace(/\/image$/, '');
    const only = new RegExp(`^${stem}/${name}$`);
    const passing = await run(only, readGolden, [stem]);
    expect(passing.summary).toEqual({ passed: 1, failed: 0, unfit: 0 });
    const failing = await run(only, tampered(stem, array, by), [stem]);
    expect(failing.summary).toEqual({ passed: 0, failed: 1, unfit: 0 });
    expect(failing.lines[0]).toMatch(/^FAIL .*error \d\.\de[+-]\d+ {2}tolerance/);
  });

  test('of an array that is an input fails what depends on it', async () => {
    const read = tampered('parts', 'vae/latent', 5);
    const { summary } = await run(/^parts\/(taesd|vae)\/(decoded|encoded)$/, read);
    expect(summary).toEqual({ passed: 1, failed: 2, unfit: 0 });
  });
});

describe('goldens that nothing here knows', () => {
  test('fail: an array', async () => {
    const read: ReadFile = async (path) => {
      const bytes = await readGolden(path);
      if (path !== 'parts.json') return bytes;
      const json = JSON.parse(new TextDecoder().decode(bytes)) as Golden;
      json.arrays['unet/other'] = json.arrays['unet/out']!;
      return new TextEncoder().encode(JSON.stringify(json));
    };
    const { summary, lines } = await run(/^parts\/(unet\/other|taesd\/decoded)$/, read);
    expect(summary).toEqual({ passed: 1, failed: 1, unfit: 0 });
    expect(lines.find((line) => line.includes('unet/other'))).toMatch(/^FAIL .*unknown case/);
  });

  test('fail: a whole file', async () => {
    const { summary, lines } = await run(/unheard-of|taesd/, readGolden, ['unheard-of', 'parts']);
    expect(summary).toEqual({ passed: 2, failed: 1, unfit: 0 });
    expect(lines.find((line) => line.includes('unheard-of'))).toMatch(/^FAIL .*does not run this/);
  });
});

describe('the error of a result', () => {
  const compare = (computed: number[], expected: number[]): Comparison => ({
    computed: hostTensor(computed, [computed.length]),
    expected: hostTensor(expected, [expected.length]),
  });
  const outcome = (comparisons: readonly Comparison[], tolerance?: number) =>
    runCase({ name: 'x', tolerance, run: () => Promise.resolve(comparisons) }, runtime);

  test('is the length of the difference over the length of what was expected', () => {
    expect(relativeError(compare([3, 4.5], [3, 4]))).toBeCloseTo(0.1, 12);
    expect(relativeError(compare([0, 0], [0, 0]))).toBe(0);
    expect(relativeError(compare([0, 1e-9], [0, 0]))).toBe(Infinity);
    expect(relativeError(compare([1], [1, 1]))).toBeNaN();
  });

  test('fails where it is not a number, whichever of several results that is', async () => {
    const right = compare([1], [1]);
    for (const wrong of [compare([NaN], [1]), compare([1, 1], [1]), compare([2], [1])]) {
      for (const comparisons of [[wrong], [wrong, right], [right, wrong], [right, wrong, right]]) {
        expect(await outcome(comparisons, 0.1)).toMatchObject({ status: 'failed' });
      }
    }
    expect(await outcome([right, right], 0.1)).toMatchObject({ status: 'passed', error: 0 });
  });

  test('must be none where only equality will do', async () => {
    expect(await outcome([compare([1], [1])])).toMatchObject({ status: 'passed' });
    expect(await outcome([compare([1.0001], [1])])).toMatchObject({ status: 'failed' });
  });

  test('is needed: a case that compares nothing fails', async () => {
    expect(await outcome([], 0.1)).toMatchObject({ status: 'failed' });
  });

  test('may be unknown where memory does not suffice, and only there', async () => {
    const throwing = (error: Error) =>
      runCase({ name: 'x', tolerance: 0, run: () => Promise.reject(error) }, runtime);
    expect(await throwing(new EngineError('out-of-memory', 'full'))).toMatchObject({
      status: 'unfit',
    });
    expect(await throwing(new EngineError('weights-mismatch', 'no'))).toMatchObject({
      status: 'failed',
      message: 'no',
    });
    expect(await throwing(new TypeError('bug'))).toMatchObject({ status: 'failed' });
  });
});
