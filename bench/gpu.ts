/**
 * `npm run bench -- gpu [--plan sd15,sdxl] [--precision f16,f32] [--only PATTERN] [--runs N] [--warmups N] [--subgroups]`: UNets on a
 * real GPU: error against PyTorch, milliseconds a step, memory; the WebGPU spelling against the portable one, 3x3
 * kernels as inputs against kernels stored in the session. Prints a Markdown table. `--plan wide` is a small network,
 * to see that the script works.
 */

import process from 'node:process';
import { parseArgs } from 'node:util';

import type { Spelling, WeightPlacement } from '../src/graph/builder.ts';
import { chunksFor } from '../src/runtime/plan.ts';
import type { FloatDtype } from '../src/tensor/dtype.ts';
import type { TensorEntry } from '../src/weights/checkpoint.ts';
import { relativeError } from '../tools/conformance/case.ts';
import type { Fullsize } from '../tools/goldens/fullsize.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { measureGraph, openBenchGpu, type BenchGpu } from './support/gpu-graph.ts';
import { megabytes } from './support/memory.ts';
import { parseSize } from './support/options.ts';
import { markdownTable } from './support/table.ts';
import { inMilliseconds, summaryCells, SUMMARY_HEADINGS } from './support/timing.ts';
import { goldenUnet, madeUnetInputs } from './support/unet-inputs.ts';

/** A network, and the sizes to run it at: that of its golden, and others for their time alone. */
type Plan = {
  readonly component: string;
  readonly golden: string;
  readonly others: readonly string[];
};

const PLANS: Readonly<Record<string, Plan>> = {
  // 512x512: one picture, one with guidance; 768x768 with guidance.
  sd15: { component: 'sd15/unet', golden: '1x64x64', others: ['2x64x64', '2x96x96'] },
  // 1024x1024: one picture, one with guidance.
  sdxl: { component: 'sdxl/unet', golden: '1x128x128', others: ['2x128x128'] },
  wide: { component: 'wide/lcm', golden: '1x8x8', others: [] },
};

/** How a graph is made. */
type Variant = {
  readonly title: string;
  readonly spelling: Spelling;
  readonly placeWeight: (entry: TensorEntry) => WeightPlacement;
};

const allInputs = () => 'input' as const;
const VARIANTS: readonly Variant[] = [
  { title: 'NHWC', spelling: 'webgpu', placeWeight: allInputs },
  {
    title: 'NHWC, 3x3 stored',
    spelling: 'webgpu',
    placeWeight: ({ shape }) => (shape.length === 4 && shape[2] === 3 ? 'initializer' : 'input'),
  },
  { title: 'portable', spelling: 'portable', placeWeight: allInputs },
];

const { values } = parseArgs({
  options: {
    plan: { type: 'string', default: 'sd15,sdxl' },
    precision: { type: 'string', default: 'f16,f32' },
    only: { type: 'string', default: '.' },
    runs: { type: 'string', default: '7' },
    warmups: { type: 'string', default: '2' },
    subgroups: { type: 'boolean', default: false },
  },
});
const only = new RegExp(values.only);
const runs = Number(values.runs);
const warmups = Number(values.warmups);
const HEADINGS = ['network', 'size', 'format', 'graph', 'error', 'prepare ms', 'first run ms'];

const file = await openGoldens();
const rows: string[][] = [];
let isDescribed = false;
for (const name of values.plan.split(',')) {
  for (const precision of values.precision.split(',')) {
    const dtype = precision === 'f16' ? 'float16' : 'float32';
    for (const variant of VARIANTS) {
      if (only.test(`${name} ${precision} ${variant.title}`)) {
        await measureVariant(file, PLANS[name]!, dtype, variant);
      }
    }
  }
}
console.log(markdownTable([...HEADINGS, ...SUMMARY_HEADINGS, 'GPU peak MB'], rows));
process.exit(0);

/** A device of its own for each variant: what one leaves in the library's buffers is no other's. */
async function measureVariant(
  fullsize: Fullsize,
  plan: Plan,
  dtype: FloatDtype,
  variant: Variant,
): Promise<void> {
  const gpu = await openBenchGpu(dtype, 'default', { subgroups: values.subgroups });
  const { info } = gpu.host.gpu;
  if (!isDescribed) {
    console.log([info.vendor, info.architecture, info.description].filter(Boolean).join(' '));
    console.log(`features: ${info.features.join(', ')}`);
    isDescribed = true;
  }
  if (dtype === 'float16' && !info.features.includes('shader-f16')) {
    rows.push([plan.component, '', dtype, variant.title, 'this device has no shader-f16']);
  } else {
    for (const size of [plan.golden, ...plan.others]) {
      const row = [plan.component, size, dtype, variant.title];
      const cells = await measureSize(gpu, fullsize, plan, { size, dtype, variant }).catch(
        (error: unknown) => [error instanceof Error ? error.message : String(error)],
      );
      rows.push([...row, ...cells]);
      console.error([...row, ...cells].join('  '));
    }
  }
  await gpu.host.backend.dispose();
}

async function measureSize(
  gpu: BenchGpu,
  fullsize: Fullsize,
  { component, golden }: Plan,
  { size, dtype, variant }: { size: string; dtype: FloatDtype; variant: Variant },
): Promise<string[]> {
  const { batch, height, width } = parseSize(size);
  const { spelling, placeWeight } = variant;
  const attentionChunks = chunksFor({
    bindings: { B: batch, H: height, W: width, T: 77 },
    budget: gpu.host.budget(dtype),
    dtype,
    isFused: spelling === 'webgpu',
  });
  const options = { spelling, dtype, placeWeight, attentionChunks };
  const graph = await componentGraph(fullsize, component, options);
  const known = size === golden ? goldenUnet(fullsize, `${component}/${size}`) : undefined;
  const inputs = known?.inputs ?? madeUnetInputs(fullsize, component, { batch, height, width });
  const before = gpu.ledger.liveBytes;
  const measured = await measureGraph(gpu, graph, inputs, { runs, warmups });
  const { output } = measured;
  const isCompared = known !== undefined && output !== undefined;
  return [
    isCompared
      ? relativeError({ computed: output, expected: known.expected }).toExponential(1)
      : '',
    ...[measured.prepareMs, measured.firstMs].map(inMilliseconds),
    ...summaryCells(measured.runs),
    megabytes(before + measured.peakBytes),
  ];
}
