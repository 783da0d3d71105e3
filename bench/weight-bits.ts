/**
 * `npm run bench -- weight-bits`: bytes of the weights of full-size networks with linear layers of 16, 8 and 4 bits, as the
 * graphs have them (16: all in f16). Nothing is loaded or run.
 */

import { graphCost } from '../src/graph/cost.ts';
import { componentGraph, openGoldens } from './support/components.ts';
import { megabytes } from './support/memory.ts';
import { markdownTable } from './support/table.ts';

const COMPONENTS = [
  'sd15/text_encoder',
  'sd15/unet',
  'sd21/unet',
  'sdxl/text_encoder_2',
  'sdxl/unet',
  'sd15/controlnet',
];
const BITS = [16, 8, 4] as const;

const file = await openGoldens();
const rows: string[][] = [];
for (const component of COMPONENTS) {
  const row = [component];
  for (const weightBits of BITS) {
    const options = { spelling: 'webgpu', dtype: 'float16', weightBits } as const;
    const graph = await componentGraph(file, component, options);
    const { weightBytes } = graphCost(graph, { B: 1, H: 64, W: 64, T: 77 });
    const quantised = graph.nodes.filter(({ op }) => op === 'MatMulNBits').length;
    row.push(megabytes(weightBytes), ...(weightBits === 4 ? [String(quantised)] : []));
  }
  rows.push(row);
}
const headings = ['network', ...BITS.map((bits) => `${bits} bits, MB`), 'layers'];
console.log(markdownTable(headings, rows));
