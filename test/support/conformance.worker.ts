/**
 * Runs conformance cases in a browser's worker, on the build of the runtime library asked for.
 */

import { expose } from 'comlink';

import { describeReport } from '../../src/runtime/report.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { GoldenFolder } from '../../tools/conformance/folder.ts';
import { collectCases, runConformance, type Summary } from '../../tools/conformance/run.ts';
import { fetchFile } from './browser.ts';

/** What to run. */
export type BrowserConformance = {
  readonly backend: 'webgpu' | 'wasm';
  readonly build?: 'jspi' | 'asyncify';
  readonly only: string;
};

/** How it went. */
export type BrowserOutcome = Summary & {
  readonly report: string;
  readonly failures: readonly string[];
};

const service = {
  async run({ backend, build, only }: BrowserConformance): Promise<BrowserOutcome> {
    const setting = { backend, precision: 'float32' } as const;
    const { runtime, report } = await startRuntime({
      backend,
      allowSoftware: true,
      setting: { spelling: backend === 'webgpu' ? 'webgpu' : 'portable', precision: 'float32' },
      ...(build === undefined ? {} : { build }),
    });
    const folder = new GoldenFolder((path) => fetchFile(`test/goldens/${path}`));
    const cases = await collectCases(folder, ['parts'], setting);
    const failures: string[] = [];
    const print = (line: string): void => {
      if (!line.startsWith('pass')) failures.push(line);
    };
    const summary = await runConformance(runtime, cases, {
      setting,
      only: new RegExp(only),
      print,
    });
    await runtime.dispose();
    return { ...summary, failures, report: describeReport(report) };
  },
};

/** What the worker answers. */
export type ConformanceService = typeof service;

expose(service);
