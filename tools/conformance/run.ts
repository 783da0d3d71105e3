/**
 * Runs the cases of a folder of goldens and tells how each went.
 */

import type { Runtime } from '../../src/runtime/runtime.ts';
import { runCase, type ConformanceCase, type Outcome, type Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { clipTokensCases } from './clip-tokens-cases.ts';
import { distilledCases } from './distilled-cases.ts';
import { exportedPartsCases, exportedPipelinesCases } from './exported-cases.ts';
import { fullsizeCases } from './fullsize-cases.ts';
import { loraCases } from './lora-cases.ts';
import { partsCases } from './parts-cases.ts';
import { embeddedCases, pipelinesCases } from './pipelines-cases.ts';
import { rngCases } from './rng-cases.ts';
import { schedulersCases } from './schedulers-cases.ts';
import { upscalersCases } from './upscalers-cases.ts';

/** Golden files that are known, in the order they run. */
const FILES = {
  'clip-tokens': clipTokensCases,
  rng: rngCases,
  schedulers: schedulersCases,
  parts: async (folder: GoldenFolder, setting: Setting) => [
    ...(await partsCases(folder, setting)),
    ...(await exportedPartsCases(folder, setting)),
  ],
  pipelines: async (folder: GoldenFolder, setting: Setting) => [
    ...(await pipelinesCases(folder, setting)),
    ...(await exportedPipelinesCases(folder, setting)),
    ...(await loraCases(folder, setting)),
  ],
  distilled: distilledCases,
  embedded: embeddedCases,
  upscalers: upscalersCases,
  fullsize: fullsizeCases,
} as const;

/** Files that hold all they have to say: the others have a `.bin` beside them. */
const WITHOUT_ARRAYS: readonly string[] = ['clip-tokens'];

/** Which of a folder's files are goldens, without ending. */
export function goldenFiles(names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter((stem) => names.includes(`${stem}.bin`) || WITHOUT_ARRAYS.includes(stem));
}

/** How a run went. */
export type Summary = { readonly passed: number; readonly failed: number; readonly unfit: number };

/** Options of {@link runConformance}. */
export type ConformanceOptions = {
  readonly setting: Setting;
  /** Only cases whose `file/case` matches. */
  readonly only?: RegExp | undefined;
  /** Told each line as it is known. */
  readonly print: (line: string) => void;
};

/** The cases of the given golden files (names without ending); a file nothing here knows is a case that fails. */
export async function collectCases(
  folder: GoldenFolder,
  files: readonly string[],
  setting: Setting,
): Promise<ConformanceCase[]> {
  const known = Object.entries(FILES).filter(([file]) => files.includes(file));
  const cases = await Promise.all(known.map(([, collect]) => collect(folder, setting)));
  const unknown = files
    .filter((file) => !(file in FILES))
    .map((file): ConformanceCase => ({
      name: `${file}/`,
      tolerance: undefined,
      run: () => Promise.reject(new Error('unknown cases: this version does not run this file')),
    }));
  return [...cases.flat(), ...unknown];
}

/** Runs cases one after another. */
export async function runConformance(
  runtime: Runtime,
  cases: readonly ConformanceCase[],
  { only, print }: ConformanceOptions,
): Promise<Summary> {
  const summary = { passed: 0, failed: 0, unfit: 0 };
  for (const testCase of cases) {
    if (only !== undefined && !only.test(testCase.name)) continue;
    const start = performance.now();
    const outcome = await runCase(testCase, runtime);
    summary[outcome.status]++;
    print(`${line(testCase.name, outcome)}  ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  return summary;
}

function line(name: string, outcome: Outcome): string {
  const mark = { passed: 'pass ', failed: 'FAIL ', unfit: 'unfit' }[outcome.status];
  const told =
    'message' in outcome
      ? outcome.message
      : `error ${outcome.error.toExponential(1)}  tolerance ${outcome.tolerance.toExponential(0)}`;
  return `${mark}  ${name.padEnd(36)}  ${told}`;
}
