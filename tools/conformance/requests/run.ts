/**
 * Runs a folder of recorded calls, and tells how each went.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { checkCase } from './check-case.ts';
import type { RequestCase } from './request-case.ts';

/** The recorded calls of a folder by the names of their files; files that hold something else are left out. */
export function readRequestCases(directory: string): [string, RequestCase][] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name): [string, unknown] => [
      name,
      JSON.parse(readFileSync(join(directory, name), 'utf8')) as unknown,
    ])
    .filter((entry): entry is [string, RequestCase] => isRequestCase(entry[1]));
}

/** Runs the cases; `print` is told a line for each, and what is wrong below it. */
export async function runRequestCases(
  cases: readonly [string, RequestCase][],
  print: (line: string) => void,
): Promise<{ passed: number; failed: number }> {
  const summary = { passed: 0, failed: 0 };
  for (const [file, one] of cases) {
    const problems = await checkCase(one);
    summary[problems.length === 0 ? 'passed' : 'failed']++;
    print(`${problems.length === 0 ? 'pass ' : 'FAIL '}  ${file}  ${one.name}`);
    for (const problem of problems) print(`         ${problem}`);
  }
  return summary;
}

function isRequestCase(value: unknown): value is RequestCase {
  return typeof value === 'object' && value !== null && 'path' in value && 'expect' in value;
}
