/**
 * Fails when an entry of the package grows over its download budget.
 *
 * Each entry is bundled with its dependencies, minified and compressed as a server would. WebAssembly
 * is left out: onnxruntime's is a constant 27 MB that no line of ours changes. The budgets are in
 * `size-budgets.json`; raising one is a decision, to be explained where it is committed.
 */

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import process from 'node:process';
import { build } from 'esbuild';

type Budget = { entry: string; gzipBytes: number };

const file = new URL('size-budgets.json', import.meta.url);
const budgets = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Budget>;

for (const [name, { entry, gzipBytes }] of Object.entries(budgets)) {
  const size = await bundledSize(entry);
  const text = `${name} (${entry}): ${kilobytes(size)} of ${kilobytes(gzipBytes)} gzipped`;
  console.log(size > gzipBytes ? `${text}: over its budget` : text);
  if (size > gzipBytes) process.exitCode = 1;
}

async function bundledSize(entry: string): Promise<number> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    loader: { '.wasm': 'empty' },
    // onnxruntime's loader names Node's modules in branches that a browser never takes.
    external: ['node:*', 'module', 'worker_threads'],
    logLevel: 'warning',
  });
  return result.outputFiles.reduce(
    (sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length,
    0,
  );
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}
