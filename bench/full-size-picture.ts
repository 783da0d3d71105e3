/**
 * `npm run bench -- full-size-picture --path PATH [--precision f32|f16] [--weight-bits 16|8|4]`: a
 * whole picture from a model of real size, on wasm in Node, against the one that diffusers draws. PATH is a folder or a file
 * of Stable Diffusion 1.5 that `full-size-model` wrote; it is served on this machine, and a file is downloaded first.
 */

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { openNodeStore } from '../src/downloads/node-file-store.ts';
import { pictureFromPlanes } from '../src/image/picture.ts';
import { DiffusionModel } from '../src/models/diffusion-model.ts';
import { partsOf } from '../src/models/open-parts.ts';
import { generate } from '../src/pipelines/generate.ts';
import { Runtime } from '../src/runtime/runtime.ts';
import { startWasmHost } from '../src/runtime/wasm-host.ts';
import { serveFolder } from './support/file-server.ts';
import { distanceFromDiffusers, FULL_SIZE_REQUEST } from './support/full-size-picture.ts';
import { megabytes, peakResidentBytes } from './support/memory.ts';

const { values } = parseArgs({
  options: {
    path: { type: 'string' },
    precision: { type: 'string', default: 'f16' },
    'weight-bits': { type: 'string', default: '16' },
  },
});
const { path } = values;
const bits = Number(values['weight-bits']);
if (path === undefined || (bits !== 16 && bits !== 8 && bits !== 4))
  throw new Error(
    '--path is a folder or a file that full-size-model wrote; --weight-bits 16, 8 or 4',
  );
const precision = values.precision === 'f16' ? 'float16' : 'float32';

const isFolder = (await stat(path)).isDirectory();
const server = await serveFolder(isFolder ? path : dirname(path));
const storeFolder = await mkdtemp(join(tmpdir(), 'local-diffusion-bench-'));
const store = openNodeStore(storeFolder);
let seconds = stopwatch();
const entry = {
  id: 'full-size',
  name: 'Full size',
  nativeSize: 512,
  licence: 'none',
  source: isFolder
    ? ({ kind: 'folder', url: server.url } as const)
    : ({ kind: 'file', url: server.url + basename(path) } as const),
};
const parts = await partsOf(entry, { store: async () => store });
console.log(`opened in ${seconds()} s; ${megabytes(server.bytesSent())} MB were sent`);

const runtime = new Runtime(
  await startWasmHost({ precision, threads: availableParallelism() }),
  bits === 16 ? {} : { weightBits: bits },
);
const model = new DiffusionModel(runtime, parts);
seconds = stopwatch();
const { images } = await generate(model, FULL_SIZE_REQUEST);
console.log(
  `drawn in ${seconds()} s; the process took ${megabytes(peakResidentBytes())} MB at most`,
);
const picture = pictureFromPlanes(
  images.data.map((value) => 2 * value - 1),
  FULL_SIZE_REQUEST,
);
const { mean, largest } = await distanceFromDiffusers(picture, 'sd15');
console.log(
  `levels of 255 from diffusers' picture: ${mean.toFixed(3)} in the mean, ${largest} at most`,
);
await rm(storeFolder, { recursive: true, force: true });
process.exit(0);

function stopwatch(): () => string {
  const began = performance.now();
  return () => ((performance.now() - began) / 1000).toFixed(0);
}
