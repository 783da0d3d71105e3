/**
 * `npm run build`: emits the library file by file with `tsc` into `dist/src` and `dist/workers`.
 *
 * No bundler, so that the worker URL in the emitted code stays one that every bundler and the
 * browser itself understands. Old output is removed first: a file deleted from `src` must not ship.
 */

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';

for (const folder of ['dist/src', 'dist/workers']) rmSync(folder, { recursive: true, force: true });

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
process.exitCode = result.status ?? 1;
