/**
 * The command behind `npm run conformance`; conformance.mjs starts it with the right flags of Node.
 */

import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import type { WeightBits } from '../../src/graph/builder.ts';
import { describeReport } from '../../src/runtime/report.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { GoldenFolder } from './folder.ts';
import { readRequestCases, runRequestCases } from './requests/run.ts';
import { collectCases, goldenFiles, runConformance } from './run.ts';

const USAGE = `npm run conformance -- DIR [--backend wasm|webgpu] [--precision f32|f16] [--only PATTERN] [--weight-bits 16|8|4 [--quantise-from ELEMENTS]] [--browser wasm|jspi|asyncify]`;

const GOLDENS = resolve(import.meta.dirname, '../../test/goldens');

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      backend: { type: 'string', default: 'wasm' },
      precision: { type: 'string', default: 'f32' },
      'weight-bits': { type: 'string', default: '16' },
      'quantise-from': { type: 'string' },
      only: { type: 'string' },
      browser: { type: 'string' },
    },
  });
  const [directory] = positionals;
  const backend = oneOf('--backend', values.backend, ['wasm', 'webgpu']);
  const precision =
    oneOf('--precision', values.precision, ['f32', 'f16']) === 'f32' ? 'float32' : 'float16';
  const weightBits = Number(
    oneOf('--weight-bits', values['weight-bits'], ['16', '8', '4']),
  ) as WeightBits;
  const from = values['quantise-from'];
  if (directory === undefined || positionals.length > 1) throw new Error(`usage: ${USAGE}`);
  const only = values.only === undefined ? undefined : new RegExp(values.only);

  const calls = readRequestCases(directory);
  if (calls.length > 0) {
    const chosen = calls.filter(([file]) => only === undefined || only.test(file));
    const { passed, failed } = await runRequestCases(chosen, console.log);
    console.log(`${passed} passed, ${failed} failed`);
    return failed > 0 || passed === 0 ? 1 : 0;
  }
  const files = goldenFiles(readdirSync(directory));
  if (files.length === 0)
    throw new Error(
      `${directory} holds neither golden files (a .json with a .bin beside it) nor recorded calls`,
    );
  if (values.browser !== undefined) {
    const build = oneOf('--browser', values.browser, ['wasm', 'jspi', 'asyncify']);
    if (resolve(directory) !== GOLDENS)
      throw new Error('--browser runs the cases of test/goldens, from where the page is served');
    const { runInBrowser } = await import('./in-browser.ts');
    return (await runInBrowser(build, { files, only: values.only ?? '' })) ? 0 : 1;
  }
  const reader = (root: string) => async (path: string) =>
    new Uint8Array(await readFile(join(root, path)));
  const embedded = join(import.meta.dirname, '../../models/emoji-64');
  const folder = new GoldenFolder(reader(directory), reader(embedded));
  const setting = { backend, precision, weightBits } as const;
  const cases = await collectCases(folder, files, setting);

  const spelling = backend === 'webgpu' ? 'webgpu' : 'portable';
  const { runtime, report } = await startRuntime({
    backend,
    allowSoftware: true,
    setting: { spelling, precision },
    weightBits,
    ...(from === undefined ? {} : { quantiseFrom: Number(from) }),
  });
  console.log(`backend: ${describeReport(report)}`);
  const summary = await runConformance(runtime, cases, { setting, only, print: console.log });
  await runtime.dispose();
  const { passed, failed, unfit } = summary;
  if (unfit > 0) console.log(`${unfit} cases do not fit this backend`);
  if (passed + failed + unfit === 0) console.log(`no case matches ${String(only)}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined)
    throw new Error(`${name} must be one of ${allowed.join(', ')}, got ${value}`);
  return found;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
