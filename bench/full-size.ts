/**
 * `npm run bench -- full-size [--backend wasm|webgpu] [--precision f32|f16] [--only PATTERN]`: networks of real size
 * against their goldens, each in a process of its own, with seconds and peak memory. The weights of each
 * lie in a real file (f16, as they are published), written for the run and removed afterwards.
 */

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { trackGpuMemory, type GpuLedger } from '../src/runtime/gpu/ledger.ts';
import { installNodeWebGpu } from '../src/runtime/gpu/node-gpu.ts';
import { Runtime, type RuntimeHost } from '../src/runtime/runtime.ts';
import { startWasmHost } from '../src/runtime/wasm-host.ts';
import { startWebGpuHost } from '../src/runtime/webgpu-host.ts';
import { openFileSource } from '../src/weights/node-file-source.ts';
import { openCheckpoint } from '../src/weights/safetensors.ts';
import { runCase, type Outcome, type Setting } from '../tools/conformance/case.ts';
import { GoldenFolder } from '../tools/conformance/folder.ts';
import { fullsizeCases } from '../tools/conformance/fullsize-cases.ts';
import { withComponentFile } from './support/component-file.ts';
import { GOLDENS, openGoldens } from './support/components.ts';
import { megabytes, peakResidentBytes, watchHeap } from './support/memory.ts';
import { markdownTable } from './support/table.ts';

/** What the process of one case reports. */
type Report = {
  readonly outcome: Outcome;
  /** Weights loaded and the session made. */
  readonly prepareSeconds: number;
  readonly runSeconds: number;
  readonly weightBytes: number;
  readonly peakResidentBytes: number;
  readonly peakHeapBytes: number;
  /** WebGPU only. */
  readonly gpu?: { readonly peakBytes: number; readonly peakBytesInFlight: number };
};

const HEADINGS =
  'case|error|prepare s|run s|weights MB|process peak MB|JS peak MB|GPU peak MB|in flight MB'.split(
    '|',
  );

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    precision: { type: 'string', default: 'f32' },
    only: { type: 'string', default: '.' },
    /** Of wasm; default all cores. */
    threads: { type: 'string', default: String(availableParallelism()) },
    /** What a process of its own is started with. */
    case: { type: 'string' },
    file: { type: 'string' },
  },
});
const setting: Setting = {
  backend: values.backend === 'webgpu' ? 'webgpu' : 'wasm',
  precision: values.precision === 'f16' ? 'float16' : 'float32',
};

if (values.case === undefined) await runAll(new RegExp(values.only));
else console.log(JSON.stringify(await runOne(values.case, values.file!)));
process.exit(0);

async function runAll(only: RegExp): Promise<void> {
  const file = await openGoldens();
  const cases = file.golden.json.cases.filter(({ name }) => only.test(name));
  const rows: string[][] = [];
  for (const component of new Set(cases.map((each) => each.component))) {
    await withComponentFile(file, component, 'float16', async (path) => {
      for (const { name } of cases.filter((each) => each.component === component)) {
        const row = describe(name, runChild(name, path));
        rows.push(row);
        console.error(row.join('  '));
      }
    });
  }
  const threads = setting.backend === 'wasm' ? `, ${values.threads} threads` : '';
  console.log(`${setting.backend}, ${setting.precision}${threads}`);
  console.log(markdownTable(HEADINGS, rows));
}

function runChild(name: string, path: string): Report | string {
  const script = fileURLToPath(import.meta.url);
  const { backend, precision, threads } = values;
  const args = ['--backend', backend, '--precision', precision, '--threads', threads];
  const { stdout, status, signal } = spawnSync(
    process.execPath,
    [...process.execArgv, script, ...args, '--case', name, '--file', path],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (status !== 0) return `the process ended with ${String(status ?? signal)}`;
  return JSON.parse(last) as Report;
}

function describe(name: string, report: Report | string): string[] {
  if (typeof report === 'string') return [name, report];
  const { outcome, gpu } = report;
  const verdict =
    'error' in outcome
      ? `${outcome.error.toExponential(1)}${outcome.status === 'passed' ? '' : ' FAILED'}`
      : `${outcome.status}: ${outcome.message}`;
  return [
    name,
    verdict,
    ...[report.prepareSeconds, report.runSeconds].map((seconds) => seconds.toFixed(2)),
    ...[report.weightBytes, report.peakResidentBytes, report.peakHeapBytes].map(megabytes),
    ...(gpu === undefined ? ['', ''] : [gpu.peakBytes, gpu.peakBytesInFlight].map(megabytes)),
  ];
}

async function runOne(name: string, path: string): Promise<Report> {
  const heap = watchHeap();
  const { host, measureGpu } = await startHost();
  const clock = timed(host);
  const folder = new GoldenFolder(
    async (each) => new Uint8Array(await readFile(`${GOLDENS}/${each}`)),
  );
  const open = async (component: string) => openCheckpoint(component, [await openFileSource(path)]);
  const cases = await fullsizeCases(folder, setting, open);
  const testCase = cases.find((each) => each.name === `fullsize/${name}`)!;
  const outcome = await runCase(testCase, new Runtime(host));
  heap.stop();
  return {
    outcome,
    ...clock,
    peakResidentBytes: peakResidentBytes(),
    peakHeapBytes: heap.peakBytes(),
    ...measureGpu(),
  };
}

async function startHost(): Promise<{ host: RuntimeHost; measureGpu: () => Pick<Report, 'gpu'> }> {
  const { precision } = setting;
  if (setting.backend === 'wasm') {
    const threads = Number(values.threads);
    return { host: await startWasmHost({ precision, threads }), measureGpu: () => ({}) };
  }
  const gpu = await installNodeWebGpu();
  // The library's WebGPU builds start in Node with one thread only; nothing runs on the CPU anyway.
  const options = { gpu, allowSoftware: true, spelling: 'webgpu', precision, threads: 1 } as const;
  const host = await startWebGpuHost(options);
  const ledger: GpuLedger = trackGpuMemory(host.gpu.device);
  const measureGpu = () => ({
    gpu: {
      peakBytes: ledger.peakBytes,
      peakBytesInFlight: host.backend.store.peakBytesInFlight,
    },
  });
  return { host, measureGpu };
}

/** Makes the host's backend tell how long it takes. */
function timed({ backend }: RuntimeHost): {
  prepareSeconds: number;
  runSeconds: number;
  weightBytes: number;
} {
  const clock = { prepareSeconds: 0, runSeconds: 0, weightBytes: 0 };
  const prepare = backend.prepare.bind(backend);
  backend.prepare = async (graph, options) => {
    const start = performance.now();
    const prepared = await prepare(graph, options);
    clock.prepareSeconds += (performance.now() - start) / 1000;
    clock.weightBytes = backend.residentBytes;
    return {
      graph,
      run: async (inputs, runOptions) => {
        const begin = performance.now();
        const outputs = await prepared.run(inputs, runOptions);
        clock.runSeconds += (performance.now() - begin) / 1000;
        return outputs;
      },
    };
  };
  return clock;
}
