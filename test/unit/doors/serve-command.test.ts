/**
 * `npm run serve` as docs/serve.md shows it: the command, and each of the manual's programs, with a picture that is drawn.
 */

import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { imageType } from '../../../src/image/image-type.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { posted } from './serve-support.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MANUAL = await readFile(join(ROOT, 'docs/serve.md'), 'utf8');

let server: ChildProcess;
let url: string;
let said = '';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'));
  server = spawn(process.execPath, ['tools/serve.mjs', '--port', '0', '--backend', 'wasm'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  server.stderr?.on('data', (text: Buffer) => (said += text.toString()));
  url = await firstLine(server);
});

afterAll(async () => {
  server.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** The manual's program in a language, for this server and with fewer steps. */
function shown(language: string): string {
  const code = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(MANUAL)?.[1] ?? '';
  expect(code).toContain('http://127.0.0.1:8080');
  expect(code).toContain('12');
  return code.replace('http://127.0.0.1:8080', url).replace(/(steps\W+)12/, '$11');
}

async function run(command: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, args, { cwd: folder })).stdout;
}

test('tells the address first, and what draws beside it', () => {
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(said).toContain('wasm on the CPU');
});

test("the manual's call of curl gives a picture that is no single colour", async () => {
  const reply = JSON.parse(await run('sh', ['-c', shown('sh')])) as { output: string[] };
  const response = await fetch(reply.output[0] ?? '');
  const picture = await decodePng(new Uint8Array(await response.arrayBuffer()));
  expect(picture).toMatchObject({ width: 64, height: 64 });
  expect(new Set(picture.data).size).toBeGreaterThan(32);
  // And its address is where the next one begins.
  const next = { prompt: 'a dog', num_inference_steps: 2, init_image: reply.output[0] };
  expect(await posted({ url }, 'v3/img2img', { ...next, width: 64, height: 64 })).toMatchObject({
    status: 'success',
  });
});

/** The manual's other programs, where their languages are installed. */
const PROGRAMS = [
  { language: 'python', command: 'python3', flag: '-c', has: 'import requests' },
  { language: 'php', command: 'php', flag: '-r', has: 'exit;' },
].filter(({ command, flag, has }) => spawnSync(command, [flag, has]).status === 0);

for (const { language, command, flag } of PROGRAMS) {
  test(`the manual's program in ${language} gets a picture`, async () => {
    const address = await run(command, [flag, shown(language).replace(/^<\?php\n/, '')]);
    expect(address.trim()).toMatch(/\/api\/outputs\/[\w-]+\.png$/);
    expect(imageType(await readFile(join(folder, 'cat.png')))).toBe('image/png');
  });
}

test('answers while it draws, and ends when it is told to', async () => {
  const slow = posted({ url }, 'v3/text2img', { prompt: 'a cat', num_inference_steps: 50 });
  const fate = slow.then(
    () => 'answered',
    () => 'lost',
  );
  await expect
    .poll(() => posted({ url }, 'v3/system_load', {}))
    .toMatchObject({ status: 'ok', queue_num: 1 });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  // What it said tells why it ended otherwise.
  expect({ code: await ended, said }).toMatchObject({ code: 0 });
  expect(await fate).toBe('lost');
});

test.each([
  [['--port', 'eighty'], '--port must be a number'],
  [['--backend', 'gpu'], '--backend must be one of'],
  [['--upstream', 'elsewhere'], '--upstream must be'],
  [['--host', '0.0.0.0', '--backend', 'wasm'], 'needs a key'],
])('%j is refused with a reason', async (args, reason) => {
  const failed = run(process.execPath, [join(ROOT, 'tools/serve.mjs'), ...args]);
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(reason) as string,
  });
});

function firstLine(from: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (from.stdout === null) throw new Error('standard output is not piped');
    createInterface(from.stdout).once('line', resolve);
    from.once('exit', () => reject(new Error(`the server ended: ${said}`)));
  });
}
