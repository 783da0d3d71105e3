/**
 * `npm run bench -- placement`: how many nodes of each full-size graph run on the GPU, in f16 and f32, which do
 * not, and how many Transpose nodes the optimised graph has. Uses Dawn's null backend: it computes nothing,
 * needs no driver, and accepts f16.
 */

import process from 'node:process';

import type { FloatDtype } from '../src/tensor/dtype.ts';
import { requestGpuDevice } from '../src/runtime/gpu/device.ts';
import { installNodeWebGpu } from '../src/runtime/gpu/node-gpu.ts';
import { loadOrt } from '../src/runtime/ort.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { PLACEMENT_GRAPHS } from './support/placement-graphs.ts';
import { gpuNodeCount, placementOf } from './support/placement.ts';
import { markdownTable } from './support/table.ts';

const gpu = await installNodeWebGpu({ backend: 'null' });
const { device } = await requestGpuDevice(gpu, { allowSoftware: true });
const ort = await loadOrt('asyncify', { threads: 1 });
const file = await openGoldens();

const rows: string[][] = [];
const stray: string[] = [];
for (const { title, component, variant } of PLACEMENT_GRAPHS) {
  for (const dtype of ['float16', 'float32'] satisfies FloatDtype[]) {
    const graph = await componentGraph(file, component, { ...variant, spelling: 'webgpu', dtype });
    const placement = await placementOf(ort, device, graph);
    const { gpu: nodes, elsewhere } = placement;
    const counts = [gpuNodeCount(placement), elsewhere.length, nodes['Transpose'] ?? 0];
    rows.push([title, dtype, String(graph.nodes.length), ...counts.map(String)]);
    stray.push(...elsewhere.map((node) => `${title}, ${dtype}: ${node}`));
  }
}
const headings = ['graph', 'format', 'nodes written', 'on the GPU', 'elsewhere', 'Transpose'];
console.log(markdownTable(headings, rows));
for (const line of stray) console.log(line);
process.exit(0);
