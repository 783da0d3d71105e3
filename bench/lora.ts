/**
 * `npm run bench -- lora [--backend wasm|webgpu] [--null] [--ranks 32,128] [--counts 1,4]`: what it costs to lay LoRAs over
 * Stable Diffusion 1.5's UNet, to change their strength and to take them away: seconds, CPU time, bytes sent to the GPU and peaks of
 * memory. The UNet's weights and the LoRAs (of all attention blocks, f16) lie in real files, written for the run and removed
 * afterwards; each row's process is its own. With `--null` on Dawn's null backend, which computes nothing: what is left is
 * reading and the CPU's part. On wasm, which has no place of its own for a weight, every change lays out the whole network.
 */

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { parseUNetConfig } from '../src/networks/unet-config.ts';
import { unetGraph } from '../src/networks/unet.ts';
import { BUFFER_USAGE } from '../src/runtime/gpu/flags.ts';
import { elementCount } from '../src/tensor/dtype.ts';
import type { Checkpoint } from '../src/weights/checkpoint.ts';
import { laidOut } from '../src/weights/lay-out.ts';
import { fitLora } from '../src/weights/lora/fit-lora.ts';
import { readLora } from '../src/weights/lora/lora-file.ts';
import { withLora } from '../src/weights/lora/patched-checkpoint.ts';
import { weightPatches, type LoraStrength } from '../src/weights/lora/tensor-patch.ts';
import { openFileSource } from '../src/weights/node-file-source.ts';
import { openCheckpoint } from '../src/weights/safetensors.ts';
import type { GeneratedTensors } from '../tools/goldens/formula.ts';
import { writeGenerated } from '../tools/goldens/write-generated.ts';
import { withComponentFile } from './support/component-file.ts';
import { openGoldens } from './support/components.ts';
import { openBenchGpu } from './support/gpu-graph.ts';
import { megabytes, peakResidentBytes, watchHeap } from './support/memory.ts';
import { markdownTable } from './support/table.ts';
import { timedRun } from './support/timing.ts';

const COMPONENT = 'sd15/unet';

/** Formula's base and exponent: numbers of about 0.01. */
const NOISE = [0, 9] as const;

/** Strengths of the steps that are measured, after the network is there. */
const STEPS = { load: 0, apply: 1, change: 0.5, remove: 0 } as const;

type Step = keyof typeof STEPS;

/** What one step took. */
type Measurement = {
  readonly step: Step;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly sentBytes: number;
  readonly heapBytes: number;
  /** WebGPU: the most memory beside the weights. */
  readonly gpuBytes: number | undefined;
};

type Report = { readonly steps: readonly Measurement[]; readonly peakResidentBytes: number };

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'webgpu' },
    null: { type: 'boolean', default: false },
    ranks: { type: 'string', default: '32,128' },
    counts: { type: 'string', default: '1,4' },
    /** What a process of its own is started with: the UNet's file, the LoRA's, and how many of it. */
    unet: { type: 'string' },
    lora: { type: 'string' },
    count: { type: 'string', default: '1' },
  },
});
const file = await openGoldens();

if (values.unet === undefined) await runAll();
else console.log(JSON.stringify(await runOne(values.unet, values.lora!, Number(values.count))));
process.exit(0);

async function runAll(): Promise<void> {
  const numbers = (text: string): number[] => text.split(',').map(Number);
  const rows: string[][] = [];
  await withComponentFile(file, COMPONENT, 'float16', async (unet) => {
    for (const rank of numbers(values.ranks)) {
      const lora = join(dirname(unet), `rank-${rank}.safetensors`);
      const { seed } = file.golden.json;
      const bytes = await writeGenerated(lora, `lora-${rank}`, { seed, tensors: loraOf(rank) });
      for (const count of numbers(values.counts)) {
        const { steps, peakResidentBytes: peak } = runChild(unet, lora, count);
        for (const { step, seconds, cpuSeconds, sentBytes, heapBytes, gpuBytes } of steps) {
          const row = [
            `${count} of rank ${rank} (${megabytes(bytes)} MB)`,
            step,
            seconds.toFixed(2),
            cpuSeconds.toFixed(2),
            megabytes(sentBytes),
            megabytes(heapBytes),
            gpuBytes === undefined ? '' : megabytes(gpuBytes),
            megabytes(peak),
          ];
          rows.push(row);
          console.error(row.join('  '));
        }
      }
    }
  });
  const where = values.null ? "Dawn's null backend" : values.backend;
  console.log(`${COMPONENT} on ${where}`);
  const headings = 'LoRAs|step|s|CPU s|MB sent|JS peak MB|GPU MB beside weights|process peak MB';
  console.log(markdownTable(headings.split('|'), rows));
}

/** Every linear layer of every attention block under kohya's names. */
function loraOf(rank: number): GeneratedTensors {
  const { tensors } = file.golden.json.components[COMPONENT]!;
  const changed = Object.entries(tensors).flatMap(([name, [shape]]) =>
    /attentions\..*\.weight$/.test(name) && shape.length > 1 ? [{ name, shape }] : [],
  );
  return Object.fromEntries(
    changed.flatMap(({ name, shape: [rows = 1, ...rest] }) => {
      const module = `lora_unet_${name.slice(0, -'.weight'.length).replaceAll('.', '_')}`;
      return [
        [`${module}.lora_down.weight`, [[rank, elementCount(rest)], ...NOISE]],
        [`${module}.lora_up.weight`, [[rows, rank], ...NOISE]],
      ] as const;
    }),
  );
}

function runChild(unet: string, lora: string, count: number): Report {
  const script = fileURLToPath(import.meta.url);
  const dawn = values.null ? ['--null'] : [];
  const files = ['--unet', unet, '--lora', lora, '--count', String(count)];
  const { stdout, status } = spawnSync(
    process.execPath,
    [...process.execArgv, script, '--backend', values.backend, ...dawn, ...files],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the process of ${count} LoRAs ended with ${String(status)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;
}

async function runOne(unet: string, lora: string, count: number): Promise<Report> {
  const checkpoint = await openCheckpoint(COMPONENT, [await openFileSource(unet)]);
  const fitted = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const read = await readLora(await openFileSource(lora));
      return fitLora({ ...read, name: `lora ${i}` }, { unet: checkpoint, texts: [] });
    }),
  );
  const run = await (values.backend === 'wasm' ? onWasm : onWebGpu)(checkpoint);
  const steps: Measurement[] = [];
  for (const step of Object.keys(STEPS) as Step[]) {
    globalThis.gc?.();
    const heap = watchHeap();
    const loras = fitted.map((each) => ({ lora: each, strength: STEPS[step] }));
    let sent: Sent | undefined;
    const { wall, cpu } = await timedRun(async () => {
      sent = await run(loras);
    });
    heap.stop();
    const [seconds, cpuSeconds] = [wall / 1000, cpu / 1000];
    steps.push({ step, seconds, cpuSeconds, ...sent!, heapBytes: heap.peakBytes() });
  }
  return { steps, peakResidentBytes: peakResidentBytes() };
}

type Sent = Pick<Measurement, 'sentBytes' | 'gpuBytes'>;
type Run = (loras: readonly LoraStrength[]) => Promise<Sent>;

/** The weights as the UNet's graphs hold them, in their buffers. */
async function onWebGpu(checkpoint: Checkpoint): Promise<Run> {
  const { host, ledger } = await openBenchGpu('float16', values.null ? 'null' : 'default');
  const { store } = host.backend;
  if (values.null) shareBuffers(host.gpu.device, 'weights/');
  const config = parseUNetConfig(file.config(COMPONENT));
  const { weights } = unetGraph(config, checkpoint, { spelling: 'webgpu', dtype: 'float16' });
  const requests = weights.map(({ entry, dtype, layout }) => {
    return { checkpointId: checkpoint.id, entry, dtype, layout };
  });
  return async (loras) => {
    const before = store.uploadedBytes;
    ledger.resetPeak();
    store.setPatches(checkpoint.id, weightPatches(checkpoint, loras));
    // The references of the first time keep them.
    await store.acquireAll(requests);
    await host.gpu.device.queue.onSubmittedWorkDone();
    return {
      sentBytes: store.uploadedBytes - before,
      gpuBytes: ledger.peakBytes - ledger.bytesOf('weights'),
    };
  };
}

/** Gives out one buffer for all of this label, as large as any may be: the null backend has 512 MB in all. */
function shareBuffers(device: GPUDevice, label: string): void {
  const create = device.createBuffer.bind(device);
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const shared = create({ label, size: 2 ** 27, usage: STORAGE | COPY_SRC | COPY_DST });
  device.createBuffer = (descriptor) =>
    descriptor.label?.startsWith(label) === true ? shared : create(descriptor);
}

/** Each weight as a session takes it (in f16, as f32 does not fit), of which a new one is made at every change. */
function onWasm(checkpoint: Checkpoint): Promise<Run> {
  const config = parseUNetConfig(file.config(COMPONENT));
  return Promise.resolve(async (loras) => {
    const changed = withLora(checkpoint, loras);
    const { weights } = unetGraph(config, changed, { spelling: 'portable', dtype: 'float16' });
    let sentBytes = 0;
    for (const { entry, dtype, layout } of weights) {
      for (const { byteLength } of await laidOut(entry, { dtype, layout })) sentBytes += byteLength;
    }
    return { sentBytes, gpuBytes: undefined };
  });
}
