/**
 * `npm run bench -- spellings [--component wide/unet] [--size 1x8x8] [--precision f16|f32] [--runs N] [--null]`: the
 * WebGPU spelling (NHWC, fused operators) against the portable one (NCHW, plain operators) of one network on one
 * WebGPU device: milliseconds a run, their ratio, memory.
 */

import process from 'node:process';

import { relativeError } from '../tools/conformance/case.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { measureGraph, openBenchGpu, type GraphMeasurement } from './support/gpu-graph.ts';
import { megabytes } from './support/memory.ts';
import { graphOptions } from './support/options.ts';
import { markdownTable } from './support/table.ts';
import { inMilliseconds, summaryCells, SUMMARY_HEADINGS } from './support/timing.ts';
import { madeUnetInputs } from './support/unet-inputs.ts';

const { component, size, dtype, runs, dawn } = graphOptions({
  component: 'wide/unet',
  size: '1x8x8',
});
const file = await openGoldens();
const inputs = madeUnetInputs(file, component, size);
const gpu = await openBenchGpu(dtype, dawn);

const rows: string[][] = [];
const measurements: GraphMeasurement[] = [];
for (const spelling of ['webgpu', 'portable'] as const) {
  const graph = await componentGraph(file, component, {
    spelling,
    dtype,
    placeWeight: () => 'input',
  });
  const measured = await measureGraph(gpu, graph, inputs, { runs, reads: dawn !== 'null' });
  rows.push([
    spelling,
    String(graph.nodes.length),
    ...[measured.prepareMs, measured.firstMs].map(inMilliseconds),
    ...summaryCells(measured.runs),
    ...[measured.preparedBytes, measured.peakBytes].map(megabytes),
  ]);
  measurements.push(measured);
  await gpu.host.backend.releaseCheckpoint(graph.checkpointId);
}

const sizeText = `${size.batch}x${size.height}x${size.width}`;
console.log(`${component} ${sizeText}, ${dtype}, ${gpu.host.gpu.info.description}`);
const headings = ['spelling', 'nodes', 'prepare ms', 'first run ms', ...SUMMARY_HEADINGS];
console.log(markdownTable([...headings, 'prepared MB', 'peak MB'], rows));
const [own, portable] = measurements as [GraphMeasurement, GraphMeasurement];
console.log(`portable / webgpu: ${(portable.runs.ms / own.runs.ms).toFixed(2)}`);
console.log(`portable / webgpu, CPU time: ${(portable.runs.cpuMs / own.runs.cpuMs).toFixed(2)}`);
if (own.output !== undefined && portable.output !== undefined) {
  const difference = relativeError({ computed: own.output, expected: portable.output });
  console.log(`their results differ by ${difference.toExponential(1)}`);
}
process.exit(0);
