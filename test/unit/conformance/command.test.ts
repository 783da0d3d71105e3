/**
 * The command `npm run conformance`, started as a process of its own.
 */

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GoldenArray } from '../../../tools/goldens/golden-file.ts';
import { GOLDENS } from '../../support/goldens.ts';

const ROOT = join(import.meta.dirname, '../../..');

function conformance(...args: string[]) {
  const command = ['tools/conformance/conformance.mjs', ...args];
  return new Promise<{ status: number; lines: string[]; complaints: string }>((resolve) => {
    const child = execFile(process.execPath, command, { cwd: ROOT }, (_, stdout, stderr) => {
      const lines = stdout.trimEnd().split('\n');
      resolve({ status: child.exitCode ?? -1, lines, complaints: stderr });
    });
  });
}

const HALF = ['--precision', 'f16'];

let folder: string;
let empty: string;
/** The goldens with one number of `taesd/decoded` changed, and a file that nothing runs. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'goldens-'));
  empty = await mkdtemp(join(tmpdir(), 'goldens-'));
  for (const name of await readdir(GOLDENS)) {
    if (name !== 'parts.bin') await symlink(join(GOLDENS, name), join(folder, name));
  }
  const { arrays } = JSON.parse(await readFile(join(GOLDENS, 'parts.json'), 'utf8')) as {
    arrays: Record<string, GoldenArray>;
  };
  const bytes = await readFile(join(GOLDENS, 'parts.bin'));
  const { offset } = arrays['taesd/decoded']!;
  bytes.writeFloatLE(bytes.readFloatLE(offset) + 1, offset);
  await writeFile(join(folder, 'parts.bin'), bytes);
  await writeFile(join(folder, 'other.json'), '{"arrays": {}}');
  await copyFile(join(GOLDENS, 'parts.bin'), join(folder, 'other.bin'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(empty, { recursive: true });
});

describe('the command', () => {
  test('tells each case that matches, and the counts in the last line', async () => {
    const { status, lines } = await conformance('test/goldens', '--only', '^parts/taesd/');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^backend: /);
    expect(lines[1]).toMatch(/^pass +parts\/taesd\/decoded +error .* tolerance 1e-4/);
    expect(lines[2]).toMatch(/^pass +parts\/taesd\/encoded/);
    expect(lines.at(-1)).toBe('2 passed, 0 failed');
    expect(status).toBe(0);
  });

  test('allows more in f16', async () => {
    const { status, lines } = await conformance('test/goldens', ...HALF, '--only', 'taesd/decoded');
    expect(lines[1]).toMatch(/^pass .* tolerance 3e-2/);
    expect(lines.at(-1)).toBe('1 passed, 0 failed');
    expect(status).toBe(0);
  });

  test('fails when a number is wrong or a file is unknown', async () => {
    const { status, lines } = await conformance(folder, '--only', 'taesd|^other');
    const failing = lines.filter((line) => line.startsWith('FAIL'));
    expect(failing).toHaveLength(2);
    expect(failing[0]).toContain('parts/taesd/decoded');
    expect(failing[1]).toContain('other/');
    expect(lines.at(-1)).toBe('1 passed, 2 failed');
    expect(status).toBe(1);
  });

  test('fails when no case matches', async () => {
    const { status, lines } = await conformance('test/goldens', '--only', 'nothing-like-it');
    expect(lines).toContain('no case matches /nothing-like-it/');
    expect(lines.at(-1)).toBe('0 passed, 0 failed');
    expect(status).toBe(1);
  });
});

describe('arguments that make no sense', () => {
  test.each([
    ['no folder', [], 'usage: npm run conformance -- DIR'],
    ['two folders', ['a', 'b'], 'usage: npm run conformance -- DIR'],
    ['a backend', ['test/goldens', '--backend', 'cuda'], '--backend must be one of wasm, webgpu'],
    ['a precision', ['test/goldens', '--precision', 'f8'], '--precision must be one of f32, f16'],
    ['an option', ['test/goldens', '--fast'], "Unknown option '--fast'"],
    ['a pattern', ['test/goldens', '--only', '('], 'Invalid regular expression'],
    ['a folder that is not there', ['no/such/folder'], 'no/such/folder'],
    ['a folder without goldens', ['EMPTY'], 'holds neither golden files'],
    [
      'a browser',
      ['test/goldens', '--browser', 'lynx'],
      '--browser must be one of wasm, jspi, asyncify',
    ],
  ])('are told in one line: %s', async (_, args, message) => {
    const { status, complaints } = await conformance(
      ...args.map((arg) => (arg === 'EMPTY' ? empty : arg)),
    );
    expect(complaints.trimEnd().split('\n')).toEqual([expect.stringContaining(message)]);
    expect(status).toBe(2);
  });
});
