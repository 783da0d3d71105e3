/**
 * `npm run bench -- buffer-cache [--component sd15/unet] [--size 2x64x64] [--precision f16|f32] [--runs N]`: what the
 * modes of onnxruntime's buffer cache cost: GPU memory beside the weights, kept between runs and at the highest, and
 * the CPU's time of a run. On Dawn's null backend: memory is counted, nothing is computed, so what allocation costs
 * on a GPU is not in it.
 */

import process from 'node:process';

import * as ort from 'onnxruntime-web/webgpu';

import { graphCost } from '../src/graph/cost.ts';
import { feedsOf } from './support/bare-run.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { openBenchGpu } from './support/gpu-graph.ts';
import { megabytes } from './support/memory.ts';
import { graphOptions } from './support/options.ts';
import { shareWeights } from './support/shared-weights.ts';
import { markdownTable } from './support/table.ts';
import { inMilliseconds, summarize, timedRuns } from './support/timing.ts';
import { madeUnetInputs } from './support/unet-inputs.ts';

/** `disabled` is left out: it destroys buffers that commands still use. */
const MODES = ['lazyRelease', 'bucket', 'simple'] as const;

const { component, size, dtype, runs } = graphOptions({ component: 'sd15/unet', size: '2x64x64' });
const file = await openGoldens();
const graph = await componentGraph(file, component, { spelling: 'webgpu', dtype });
const inputs = madeUnetInputs(file, component, size);

const rows: string[][] = [];
for (const mode of MODES) {
  const { host, ledger } = await openBenchGpu(dtype, 'null');
  const { device } = host.gpu;
  // The null backend has little memory, and the library logs every failure; buffers are counted all the same.
  device.addEventListener('uncapturederror', (event) => event.preventDefault());
  shareWeights(host.backend, device);
  const feeds = await feedsOf(host.backend, graph, inputs);
  const before = ledger.liveBytes;
  const provider: ort.InferenceSession.WebGpuExecutionProviderOption = {
    name: 'webgpu',
    device,
    preferredLayout: 'NHWC',
    storageBufferCacheMode: mode,
    validationMode: 'disabled',
  };
  const session = await ort.InferenceSession.create(graph.model, {
    executionProviders: [provider],
    preferredOutputLocation: 'gpu-buffer',
    logSeverityLevel: 4,
  });
  let created = 0;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    created += 1;
    return createBuffer(descriptor);
  };
  const times = await timedRuns(
    async () => {
      created = 0;
      const results = await session.run(feeds);
      for (const tensor of Object.values(results)) tensor.dispose();
      await device.queue.onSubmittedWorkDone();
    },
    { warmups: 3, runs },
  );
  rows.push([
    mode,
    ...[ledger.liveBytes - before, ledger.peakBytes - before].map(megabytes),
    String(created),
    inMilliseconds(summarize(times).cpuMs),
  ]);
  await session.release();
}
const sizeText = `${size.batch}x${size.height}x${size.width}`;
const { peakActivationBytes } = graphCost(graph, {
  B: size.batch,
  H: size.height,
  W: size.width,
  T: 77,
});
console.log(`${component} ${sizeText}, ${dtype}`);
console.log(`tensors alive at one time, by the graph: ${megabytes(peakActivationBytes)} MB`);
const headings = ['mode', 'kept MB', 'peak MB', 'buffers made a run', 'CPU ms a run'];
console.log(markdownTable(headings, rows));
process.exit(0);
