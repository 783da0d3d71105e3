/**
 * Fails when an entry of the package grows over its download budget.
 *
 * Each entry is bundled with its dependencies, minified and compressed as a server would. WebAssembly
 * is left out: onnxruntime's is a constant 27 MB that no line of ours changes. The budgets are in
 * `size-budgets.json`; raising one is a decision, to be explained where it is committed.
 */

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import process from 'node:process';
import { build, type Metafile } from 'esbuild';

type Budget = { entry: string; gzipBytes: number };

const file = new URL('size-budgets.json', import.meta.url);
const budgets = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Budget>;

for (const [name, { entry, gzipBytes }] of Object.entries(budgets)) {
  const size = await bundledSize(entry);
  const text = `${name} (${entry}): ${kilobytes(size)} of ${kilobytes(gzipBytes)} gzipped`;
  console.log(size > gzipBytes ? `${text}: over its budget` : text);
  if (size > gzipBytes) process.exitCode = 1;
}

/** What one user downloads: the entry, what it always loads, and the largest thing it may load later. */
async function bundledSize(entry: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    metafile: true,
    outdir: 'dist/size',
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
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      relative(process.cwd(), path),
      gzipSync(contents, { level: 9 }).length,
    ]),
  );
  const always = closure(
    metafile,
    [...sizes.keys()].filter((path) => metafile.outputs[path]?.entryPoint === entry),
  );
  const total = (paths: Iterable<string>): number =>
    [...paths].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  // Builds of onnxruntime exclude each other: a page loads one of them.
  const later = [...sizes.keys()]
    .filter((path) => !always.has(path))
    .map((path) => total([...closure(metafile, [path])].filter((each) => !always.has(each))));
  return total(always) + Math.max(0, ...later);
}

/** The chunks that loading `paths` loads at once. */
function closure(metafile: Metafile, paths: readonly string[]): Set<string> {
  const found = new Set(paths);
  for (const path of found) {
    for (const { path: next, kind, external } of metafile.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && external !== true) found.add(next);
    }
  }
  return found;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}
