/**
 * The gate: every check of the project, cheap ones first, all of them even after a failure.
 *
 * `npm run verify` runs everything; `npm run verify -- lint unit` runs the steps named. Output of a
 * check that passes is not shown; test runs are streamed. The counts go to `.cache/verify.json`.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

type Step = { readonly name: string } & (
  | { readonly kind: 'check'; readonly command: readonly string[] }
  | { readonly kind: 'tests'; readonly project: string }
);

type Outcome = { passed: number; failed: number; skipped: number };

/** The part read from what Vitest's JSON reporter writes. */
type VitestReport = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
};

const steps: readonly Step[] = [
  { name: 'format', kind: 'check', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'length', kind: 'check', command: ['tsx', 'tools/check-length.ts'] },
  // Linting and types read the built package: test/e2e imports it by its name.
  { name: 'build', kind: 'check', command: ['tsx', 'tools/build.ts'] },
  { name: 'lint', kind: 'check', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'types', kind: 'check', command: ['tsc', '--noEmit'] },
  { name: 'docs', kind: 'check', command: ['tsx', 'tools/check-docs.ts'] },
  { name: 'unused', kind: 'check', command: ['knip'] },
  { name: 'exports', kind: 'check', command: ['publint', '--strict'] },
  {
    name: 'resolution',
    kind: 'check',
    // The two scripts are for script tags and service workers: they export nothing that could have a type.
    command:
      'attw --pack --profile esm-only --exclude-entrypoints install.js service-worker.js'.split(
        ' ',
      ),
  },
  { name: 'size', kind: 'check', command: ['tsx', 'tools/size.ts'] },
  { name: 'unit', kind: 'tests', project: 'node' },
  { name: 'node-webgpu', kind: 'tests', project: 'node-webgpu' },
  { name: 'e2e', kind: 'tests', project: 'e2e' },
  { name: 'browser', kind: 'tests', project: 'browser' },
];

/** No step comes near this; a hung browser would otherwise hold the gate for ever. */
const STEP_LIMIT_MS = 60 * 60 * 1000;

const cacheFolder = '.cache';
/** A log file is read without its colours; some tools write them in CI all the same. */
const environment = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };

const bin = join(process.cwd(), 'node_modules', '.bin');

await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    const known = steps.map((step) => step.name).join(' ');
    throw new Error(`no such step: ${unknown.join(' ')}; the steps are ${known}`);
  }
  mkdirSync(cacheFolder, { recursive: true });
  const chosen = names.length === 0 ? steps : steps.filter((step) => names.includes(step.name));
  const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
  const failedSteps: string[] = [];
  const start = performance.now();
  for (const step of chosen) {
    const stepStart = performance.now();
    const outcome = step.kind === 'check' ? await check(step.command) : await tests(step.project);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
    if (outcome.failed > 0) failedSteps.push(step.name);
    console.log(`${outcome.failed > 0 ? 'FAIL' : 'ok  '}  ${line(step, outcome, stepStart)}`);
  }
  writeFileSync(join(cacheFolder, 'verify.json'), JSON.stringify(total));
  const verdict = failedSteps.length === 0 ? 'all passed' : `failed: ${failedSteps.join(' ')}`;
  const skipped = total.skipped === 0 ? '' : `, ${total.skipped} tests skipped`;
  console.log(`verify: ${verdict}${skipped}, in ${seconds(start)}`);
  process.exitCode = failedSteps.length === 0 ? 0 : 1;
}

function line(step: Step, outcome: Outcome, start: number): string {
  const time = seconds(start).padStart(8);
  if (step.kind === 'check') return `${step.name.padEnd(12)}${time}`;
  const { passed, failed, skipped } = outcome;
  return `${step.name.padEnd(12)}${time}  ${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** Runs a command that counts as one test, and shows what it wrote only if it fails. */
async function check([command, ...args]: readonly string[]): Promise<Outcome> {
  const { status, output } = await execute(command ?? '', args, 'capture');
  if (status !== 0) console.log(output.trimEnd());
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

/** Runs one Vitest project and counts its tests. */
async function tests(project: string): Promise<Outcome> {
  const reportPath = join(cacheFolder, `vitest-${project}.json`);
  rmSync(reportPath, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const args = ['run', '--project', project, ...reporters];
  const { status } = await execute('vitest', args, 'stream');
  if (!existsSync(reportPath)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(reportPath, 'utf8')) as VitestReport;
  // A file that cannot be loaded fails without having any test.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    // Errors outside any test show in the exit status only.
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function execute(
  command: string,
  args: readonly string[],
  mode: 'capture' | 'stream',
): Promise<{ status: number; output: string }> {
  const capture = mode === 'capture';
  const child = spawn(join(bin, command), args, {
    stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
    env: environment,
    shell: process.platform === 'win32', // the commands are scripts there
    timeout: STEP_LIMIT_MS,
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ status: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}
