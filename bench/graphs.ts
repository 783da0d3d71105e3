/**
 * `npm run bench -- graphs`: what a graph costs beside its weights: nodes, bytes of the file, milliseconds to read the
 * checkpoint's header and write the graph, and to make a session of it (on Dawn's null backend, weights as inputs).
 */

import process from 'node:process';

import { loadOrt } from '../src/runtime/ort.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { openBenchGpu } from './support/gpu-graph.ts';
import { markdownTable } from './support/table.ts';
import { inMilliseconds, summarize, timed, timedRuns } from './support/timing.ts';

const COMPONENTS = ['sd15/text_encoder', 'sd15/unet', 'sdxl/unet', 'sd15/controlnet', 'sd15/vae'];

const { host } = await openBenchGpu('float16', 'null');
const { device } = host.gpu;
const ort = await loadOrt('asyncify');
const file = await openGoldens();
const rows: string[][] = [];
for (const component of COMPONENTS) {
  const write = () => componentGraph(file, component, { spelling: 'webgpu', dtype: 'float16' });
  const graph = await write();
  const written = summarize(
    await timedRuns(async () => void (await write()), { warmups: 5, runs: 15 }),
  );
  const gpu = { device, preferredLayout: 'NHWC', validation: 'disabled' } as const;
  const makeSession = () => ort.createSession(graph.model, { gpu, external: [] });
  const [first] = await timed(makeSession);
  await first.release();
  const made = summarize(
    await timedRuns(async () => (await makeSession()).release(), { warmups: 0, runs: 5 }),
  );
  rows.push([
    component,
    ...[graph.nodes.length, graph.weights.length].map(String),
    (graph.model.length / 1000).toFixed(0),
    ...[written.leastMs, made.leastMs, made.cpuMs].map(inMilliseconds),
  ]);
}
const headings = ['network', 'nodes', 'weights', 'file kB', 'open and write ms', 'session ms'];
console.log(markdownTable([...headings, 'session CPU ms'], rows));
process.exit(0);
