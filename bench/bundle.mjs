/**
 * `node bench/bundle.mjs [NAME ...]`: bundles measurements (default: gpu) into dist/bench/NAME.mjs, for a machine that
 * has a GPU and Node but not this project's tools. It needs there: the packages `webgpu` and `onnxruntime-web` of the
 * versions in package.json in node_modules, and test/goldens/fullsize.json and .bin in the working directory. Then
 * `node --liftoff-only --max-old-space-size=16384 dist/bench/gpu.mjs`.
 */

import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = process.argv.length > 2 ? process.argv.slice(2) : ['gpu'];
const unknown = names.find((name) => !existsSync(`${folder}${name}.ts`));
if (unknown !== undefined) {
  console.error(`there is no measurement ${unknown}`);
  process.exit(2);
}
await build({
  entryPoints: names.map((name) => `${folder}${name}.ts`),
  outdir: fileURLToPath(new URL('../dist/bench', import.meta.url)),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['webgpu', 'onnxruntime-web', 'onnxruntime-web/*'],
  logLevel: 'info',
});
