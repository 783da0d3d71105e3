/**
 * `npm run bench -- provider-faults`: operators of onnxruntime's WebGPU provider that are wrong, as the WebGPU spelling
 * avoids them: error against plain loops with and without what avoids it. Run it with a new version of the library,
 * and on a new kind of GPU.
 */

import process from 'node:process';

import { GraphBuilder, type GraphModule } from '../src/graph/builder.ts';
import { opsFor } from '../src/graph/spelling/index.ts';
import { WeightScope } from '../src/graph/weight-scope.ts';
import { hostTensor, type HostTensor } from '../src/tensor/host-tensor.ts';
import { relativeError } from '../tools/conformance/case.ts';
import { generatedArray, generatedCheckpoint } from '../tools/goldens/formula.ts';
import { openBenchGpu, type BenchGpu } from './support/gpu-graph.ts';
import { attentionByLoops, convolutionByLoops } from './support/reference-loops.ts';
import { markdownTable } from './support/table.ts';
import type { GraphInputs } from './support/unet-inputs.ts';

const EDGE = 8;
const OUT = 16;
const CHANNELS = [3, 4, 6, 8, 9, 12, 15, 18, 21];

const plain = await openBenchGpu('float32');
const rows: string[][] = [];
for (const channels of CHANNELS) {
  const x = made('x', [1, channels, EDGE, EDGE]);
  const name = `convolution-${channels}`;
  const kernel = made(`0/${name}:conv.weight`, [OUT, channels, 3, 3]);
  const expected = convolutionByLoops(x, kernel);
  const own = await errorOf(plain, await convolutionGraph(name, channels, true), { x }, expected);
  const bare = await errorOf(plain, await convolutionGraph(name, channels, false), { x }, expected);
  rows.push([`NHWC convolution of ${channels} channels`, bare, own]);
}

const withSubgroups = await openBenchGpu('float32', 'default', { subgroups: true });
const hasSubgroups = withSubgroups.host.gpu.info.features.includes('subgroups');
for (const [tokens, heads, headWidth] of [
  [64, 8, 40],
  [96, 2, 64],
  [77, 1, 160],
] as const) {
  const shape = [1, tokens, heads * headWidth];
  const [q, k, v] = [made('q', shape), made('k', shape), made('v', shape)] as const;
  const expected = attentionByLoops(q, k, v, heads);
  const graph = attentionGraph(shape, heads);
  const title = `attention of ${tokens} tokens, ${heads} heads of ${headWidth}, subgroups`;
  const bare = hasSubgroups ? await errorOf(withSubgroups, graph, { q, k, v }, expected) : 'none';
  rows.push([title, bare, await errorOf(plain, graph, { q, k, v }, expected)]);
}

const { description, subgroupMinSize, subgroupMaxSize } = plain.host.gpu.info;
console.log(`${description}, subgroups of ${subgroupMinSize ?? '?'} to ${subgroupMaxSize ?? '?'}`);
console.log(markdownTable(['operator', 'error as it is', 'error as spelled'], rows));
process.exit(0);

function made(name: string, shape: readonly number[]): HostTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostTensor(generatedArray(name, count, 7), shape);
}

async function convolutionGraph(
  name: string,
  channels: number,
  isSpelled: boolean,
): Promise<GraphModule> {
  const shape = [OUT, channels, 3, 3];
  const options = { dtype: 'float32' } as const;
  const checkpoint = await generatedCheckpoint(
    '0',
    name,
    { 'conv.weight': [shape, 0, 7] },
    options,
  );
  const builder = new GraphBuilder({ name, spelling: 'webgpu', dtype: 'float32' });
  const ops = opsFor(builder);
  const size = { batch: 1, height: EDGE, width: EDGE, channels };
  const x = ops.imageInput('x', size);
  const w = WeightScope.of(checkpoint).at('conv');
  if (isSpelled) {
    ops.imageOutput('y', ops.conv2d(x, w, { out: OUT, kernel: 3, bias: false }));
  } else {
    const inputs = [x.tensor, builder.weight(w.take('weight', shape))];
    const tensor = builder.node('Conv', inputs, 'float32', [1, EDGE, EDGE, OUT], {
      domain: 'com.ms.internal.nhwc',
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
    });
    ops.imageOutput('y', { ...x, channels: OUT, tensor });
  }
  return builder.finish(checkpoint.id);
}

function attentionGraph(shape: readonly number[], heads: number): GraphModule {
  const builder = new GraphBuilder({ name: 'attention', spelling: 'webgpu', dtype: 'float32' });
  const ops = opsFor(builder);
  const [q, k, v] = [ops.input('q', shape), ops.input('k', shape), ops.input('v', shape)] as const;
  ops.output('y', ops.attention(q, k, v, { heads }));
  return builder.finish('none');
}

async function errorOf(
  { host }: BenchGpu,
  graph: GraphModule,
  inputs: GraphInputs,
  expected: HostTensor,
): Promise<string> {
  const prepared = await host.backend.prepare(graph);
  const { y } = await prepared.run(inputs);
  return relativeError({ computed: y as HostTensor, expected }).toExponential(1);
}
