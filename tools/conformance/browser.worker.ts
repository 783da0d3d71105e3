/**
 * Runs conformance cases in a browser's worker, on the build of the runtime library asked for.
 */

import { expose } from 'comlink';

import { describeReport } from '../../src/runtime/report.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import { fetchFile } from '../../test/support/browser.ts';
import { GoldenFolder } from './folder.ts';
import { collectCases, runConformance, type Summary } from './run.ts';

/** What to run. */
export type BrowserConformance = {
  readonly backend: 'webgpu' | 'wasm';
  readonly build?: 'jspi' | 'asyncify';
  /** A pattern of names. */
  readonly only: string;
  /** Golden files in test/goldens, without ending; default `parts`. */
  readonly files?: readonly string[];
};

/** How it went. */
export type BrowserOutcome = Summary & {
  readonly report: string;
  readonly failures: readonly string[];
};

const service = {
  async run({
    backend,
    build,
    only,
    files = ['parts'],
  }: BrowserConformance): Promise<BrowserOutcome> {
    const setting = { backend, precision: 'float32' } as const;
    const { runtime, report } = await startRuntime({
      backend,
      allowSoftware: true,
      setting: { spelling: backend === 'webgpu' ? 'webgpu' : 'portable', precision: 'float32' },
      ...(build === undefined ? {} : { build }),
    });
    const folder = new GoldenFolder(
      (path) => fetchFile(`test/goldens/${path}`),
      (path) => fetchFile(`models/emoji-64/${path}`),
    );
    const cases = await collectCases(folder, files, setting);
    const failures: string[] = [];
    const print = (line: string): void => {
      console.log(line);
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
