/**
 * `npm run bench -- inputs-vs-initializers [--component wide/unet] [--size 1x8x8] [--precision f16|f32] [--runs N] [--null]`:
 * one UNet with all weights as graph inputs, and with its 3x3 kernels stored in the session: milliseconds a run,
 * time to make the session, memory. The runtime transposes an input kernel on every run, a stored one once.
 */

import process from 'node:process';

import type { WeightPlacement } from '../src/graph/builder.ts';
import type { TensorEntry } from '../src/weights/checkpoint.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { measureGraph, openBenchGpu } from './support/gpu-graph.ts';
import { megabytes } from './support/memory.ts';
import { graphOptions } from './support/options.ts';
import { markdownTable } from './support/table.ts';
import { inMilliseconds, summaryCells, SUMMARY_HEADINGS } from './support/timing.ts';
import { madeUnetInputs } from './support/unet-inputs.ts';

const PLACEMENTS: Readonly<Record<string, (entry: TensorEntry) => WeightPlacement>> = {
  'all inputs': () => 'input',
  '3x3 kernels stored': ({ shape }) =>
    shape.length === 4 && shape[2] === 3 ? 'initializer' : 'input',
};

const { component, size, dtype, runs, dawn } = graphOptions({
  component: 'wide/unet',
  size: '1x8x8',
});
const file = await openGoldens();
const inputs = madeUnetInputs(file, component, size);
const gpu = await openBenchGpu(dtype, dawn);

const rows: string[][] = [];
for (const [title, placeWeight] of Object.entries(PLACEMENTS)) {
  const graph = await componentGraph(file, component, { spelling: 'webgpu', dtype, placeWeight });
  // The null backend has nothing to read back.
  const measured = await measureGraph(gpu, graph, inputs, { runs, reads: dawn !== 'null' });
  const bound = graph.weights.filter(({ placement }) => placement === 'input').length;
  rows.push([
    title,
    String(bound),
    ...[measured.prepareMs, measured.firstMs].map(inMilliseconds),
    ...summaryCells(measured.runs),
    ...[measured.preparedBytes, measured.warmBytes, measured.peakBytes].map(megabytes),
  ]);
  await gpu.host.backend.releaseCheckpoint(graph.checkpointId);
}

const sizeText = `${size.batch}x${size.height}x${size.width}`;
console.log(`${component} ${sizeText}, ${dtype}, ${gpu.host.gpu.info.description}`);
const headings = ['weights', 'inputs', 'prepare ms', 'first run ms', ...SUMMARY_HEADINGS];
console.log(markdownTable([...headings, 'prepared MB', 'warm MB', 'peak MB'], rows));
process.exit(0);
