/**
 * One graph on one WebGPU device: prepared, warmed up, timed, its memory counted.
 */

import type { GraphModule } from '../../src/graph/builder.ts';
import { isDeviceTensor, type PreparedGraph } from '../../src/runtime/backend.ts';
import { trackGpuMemory, type GpuLedger } from '../../src/runtime/gpu/ledger.ts';
import { installNodeWebGpu } from '../../src/runtime/gpu/node-gpu.ts';
import { startWebGpuHost, type WebGpuHost } from '../../src/runtime/webgpu-host.ts';
import type { FloatDtype } from '../../src/tensor/dtype.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { summarize, timed, timedRuns, type Summary } from './timing.ts';
import type { GraphInputs } from './unet-inputs.ts';

/** A device with a backend on it, and the count of its memory. */
export type BenchGpu = { readonly host: WebGpuHost; readonly ledger: GpuLedger };

/** Opens the machine's GPU, SwiftShader if the environment names it, or Dawn's null backend. */
export async function openBenchGpu(
  precision: FloatDtype,
  dawn: 'default' | 'null' = 'default',
  features: { readonly subgroups?: boolean } = {},
): Promise<BenchGpu> {
  const gpu = await installNodeWebGpu(dawn === 'null' ? { backend: 'null' } : {});
  // The library's WebGPU builds start in Node with one thread only; nothing runs on the CPU anyway.
  const options = { allowSoftware: true, spelling: 'webgpu', threads: 1 } as const;
  const host = await startWebGpuHost({ ...options, gpu, precision, features });
  return { host, ledger: trackGpuMemory(host.gpu.device) };
}

/** How a graph fared. */
export type GraphMeasurement = {
  /** Loading the weights that are not there yet, and making the session. */
  readonly prepareMs: number;
  /** The first run compiles shaders. */
  readonly firstMs: number;
  /** The runs after it. */
  readonly runs: Summary;
  /** GPU bytes that this graph added: after `prepare`, after the runs, and at the highest. */
  readonly preparedBytes: number;
  readonly warmBytes: number;
  readonly peakBytes: number;
  /** What the graph computed, when asked for. */
  readonly output: HostTensor | undefined;
};

/** Options of {@link measureGraph}. */
export type MeasureOptions = {
  readonly runs: number;
  /** Runs before those that count, the first one included; default 1. */
  readonly warmups?: number;
  /** Whether to read a result; default true. */
  readonly reads?: boolean;
};

/** Prepares and runs a graph with one output. The GPU is waited for after every run. */
export async function measureGraph(
  { host, ledger }: BenchGpu,
  graph: GraphModule,
  inputs: GraphInputs,
  { runs, warmups = 1, reads = true }: MeasureOptions,
): Promise<GraphMeasurement> {
  const { queue } = host.gpu.device;
  const before = ledger.liveBytes;
  ledger.resetPeak();
  const [prepared, prepareMs] = await timed(() => host.backend.prepare(graph));
  await queue.onSubmittedWorkDone();
  const preparedBytes = ledger.liveBytes - before;
  const step = async (): Promise<void> => {
    await runOnDevice(prepared, inputs);
    await queue.onSubmittedWorkDone();
  };
  const [, firstMs] = await timed(step);
  const times = await timedRuns(step, { warmups: warmups - 1, runs });
  const warmBytes = ledger.liveBytes - before;
  const [output] = reads ? Object.values(await prepared.run(inputs)) : [];
  return {
    prepareMs,
    firstMs,
    runs: summarize(times),
    preparedBytes,
    warmBytes,
    peakBytes: ledger.peakBytes - before,
    output: output as HostTensor | undefined,
  };
}

/** Runs a graph as a pipeline does: results stay on the device, and are freed. */
export async function runOnDevice(prepared: PreparedGraph, inputs: GraphInputs): Promise<void> {
  const keepOnDevice = prepared.graph.outputs.map(({ name }) => name);
  const outputs = await prepared.run(inputs, { keepOnDevice });
  for (const tensor of Object.values(outputs)) if (isDeviceTensor(tensor)) tensor.dispose();
}
