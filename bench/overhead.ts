/**
 * `npm run bench -- overhead [--component sd15/unet] [--size 1x8x8] [--precision f16|f32] [--runs N] [--null]`: what
 * the engine adds to a run, as milliseconds beside the bare `session.run` of the same graph on the same device. The
 * ways take turns. With `--null` nothing is computed and all weights are one buffer: what is left is the CPU's part.
 */

import process from 'node:process';

import { UNet } from '../src/models/unet.ts';
import { isDeviceTensor } from '../src/runtime/backend.ts';
import { Runtime } from '../src/runtime/runtime.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { bareRun } from './support/bare-run.ts';
import { openBenchGpu, runOnDevice } from './support/gpu-graph.ts';
import { graphOptions } from './support/options.ts';
import { shareWeights } from './support/shared-weights.ts';
import { markdownTable } from './support/table.ts';
import {
  inMilliseconds,
  summarize,
  summaryCells,
  SUMMARY_HEADINGS,
  timedRun,
  type RunTime,
} from './support/timing.ts';
import { madeUnetInputs } from './support/unet-inputs.ts';

const options = graphOptions({ component: 'sd15/unet', size: '1x8x8' });
const { component, size, dtype, runs, dawn } = options;
const file = await openGoldens();
const inputs = madeUnetInputs(file, component, size);
const { host } = await openBenchGpu(dtype, dawn);
if (dawn === 'null') shareWeights(host.backend, host.gpu.device);

const graph = await componentGraph(file, component, { spelling: 'webgpu', dtype });
const bare = await bareRun(host.backend, graph, inputs);
const prepared = await host.backend.prepare(graph);
const runtime = new Runtime({
  ...host,
  isFiniteOnDevice: async (tensor) => {
    const isFinite = await host.isFiniteOnDevice(tensor);
    return isFinite || dawn === 'null'; // which leaves in its buffers whatever was there
  },
});
const unet = new UNet(runtime, file.config(component), await file.checkpoint(component));
const variant = { controlNets: 0, isRagged: false, extraChannels: 0 };
const keepOnDevice = ['out_sample'];

const ways: Readonly<Record<string, () => Promise<void>>> = {
  'bare session.run': bare,
  'Backend: sizes checked, pictures to NHWC': () => runOnDevice(prepared, inputs),
  'Runtime: graph fitted, result checked': async () => {
    const results = await runtime.run(unet.stage, variant, inputs, { keepOnDevice });
    for (const tensor of Object.values(results)) if (isDeviceTensor(tensor)) tensor.dispose();
  },
};

const WARMUPS = 3;
const times = new Map(Object.keys(ways).map((title) => [title, [] as RunTime[]]));
for (let i = 0; i < WARMUPS + runs; i++) {
  for (const [title, run] of Object.entries(ways)) {
    const time = await timedRun(async () => {
      await run();
      await host.gpu.device.queue.onSubmittedWorkDone();
    });
    if (i >= WARMUPS) times.get(title)!.push(time);
  }
}

const summaries = [...times].map(([title, each]) => [title, summarize(each)] as const);
const [[, base]] = summaries as [(typeof summaries)[0]];
const rows = summaries.map(([title, each]) => [
  title,
  ...summaryCells(each),
  ...[each.ms - base.ms, each.cpuMs - base.cpuMs].map(inMilliseconds),
]);
const { description } = host.gpu.info;
console.log(`${component}, ${dtype}, ${graph.nodes.length} nodes, ${graph.weights.length} weights`);
console.log(`${runs} runs each on ${dawn === 'null' ? "Dawn's null backend" : description}`);
console.log(markdownTable(['way', ...SUMMARY_HEADINGS, 'added ms', 'added CPU ms'], rows));
process.exit(0);
