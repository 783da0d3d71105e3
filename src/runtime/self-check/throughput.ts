/**
 * How fast a device computes: operations a second of each kernel family, bytes a second of data movement.
 *
 * Each family runs at growing sizes until a run takes long enough to be measured, and stops growing before it
 * could take too long on a slow device.
 */

import type { GraphModule } from '../../graph/builder.ts';
import { graphCost } from '../../graph/cost.ts';
import { buildGraph, openSizes, type NetworkOptions } from '../../networks/network.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { bindSizes, type Backend } from '../backend.ts';
import type { Throughput } from '../plan.ts';
import { memoryCheckpoint, values, type ProbeTensor } from './values.ts';

/** A run this long, in seconds, is measured well enough. */
const LONG_ENOUGH = 0.02;
/** Repetitions of the size that is kept; the fastest counts. */
const REPETITIONS = 3;
const WIDTH = 320;
const HEADS = 8;

type Load = {
  readonly kind: keyof Throughput;
  readonly graph: (options: NetworkOptions) => GraphModule;
  /** Inputs of a size that grows fourfold in work with each level. */
  readonly inputs: (level: number) => Readonly<Record<string, HostTensor>>;
};

/** Measures every family on `backend`, in the spelling and format it is to be used with. */
export async function measureThroughput(
  backend: Backend,
  options: NetworkOptions,
  signal?: AbortSignal,
): Promise<Throughput> {
  const result = { convolution: 0, matmul: 0, attention: 0, bytes: 0 };
  for (const load of LOADS) result[load.kind] = await measure(backend, load, options, signal);
  return result;
}

async function measure(
  backend: Backend,
  load: Load,
  options: NetworkOptions,
  signal: AbortSignal | undefined,
): Promise<number> {
  const graph = load.graph(options);
  const prepared = await backend.prepare(graph, { signal });
  let rate = 0;
  for (let level = 0; level < 4; level++) {
    const inputs = load.inputs(level);
    const cost = graphCost(graph, bindSizes(graph, inputs));
    const amount = load.kind === 'bytes' ? sum(cost.nodes.map(({ bytes }) => bytes)) : cost.flops;
    await prepared.run(inputs, { signal }); // compiles shaders
    let best = Infinity;
    for (let i = 0; i < REPETITIONS; i++) {
      const start = performance.now();
      await prepared.run(inputs, { signal });
      best = Math.min(best, (performance.now() - start) / 1000);
      if (best > 10 * LONG_ENOUGH) break;
    }
    rate = Math.max(rate, amount / best);
    if (best > LONG_ENOUGH) break;
  }
  await backend.releaseCheckpoint(graph.checkpointId);
  return rate;
}

const convolutionWeights = {
  'conv.weight': tensor(1, [WIDTH, WIDTH, 3, 3]),
  'conv.bias': tensor(2, [WIDTH]),
};
const linearWeights = { 'linear.weight': tensor(3, [WIDTH, WIDTH]) };

/** Chains of equal operations: what is read back is a mean, so that a run's time is the arithmetic's. */
const LOADS: readonly Load[] = [
  {
    kind: 'convolution',
    graph: (options) =>
      buildGraph(
        'throughput convolution',
        memoryCheckpoint('throughput/convolution', convolutionWeights),
        options,
        (ops, w) => {
          const { batch, height, width } = openSizes();
          const x = ops.imageInput('x', { batch, height, width, channels: WIDTH });
          const chain = { out: WIDTH, kernel: 3 } as const;
          ops.imageOutput(
            'out',
            ops.meanPixel(ops.conv2d(ops.conv2d(x, w.at('conv'), chain), w.at('conv'), chain)),
          );
        },
      ),
    inputs: (level) => ({ x: filled([1, WIDTH, 8 << level, 8 << level]) }),
  },
  {
    kind: 'matmul',
    graph: (options) =>
      buildGraph(
        'throughput matmul',
        memoryCheckpoint('throughput/matmul', linearWeights),
        options,
        (ops, w) => {
          const { batch, tokens } = openSizes();
          let x = ops.input('x', [batch, tokens, WIDTH]);
          for (let i = 0; i < 4; i++)
            x = ops.linear(x, w.at('linear'), { out: WIDTH, bias: false });
          ops.output('out', ops.meanToken(x));
        },
      ),
    inputs: (level) => ({ x: filled([1, 256 << (2 * level), WIDTH]) }),
  },
  {
    kind: 'attention',
    graph: (options) =>
      buildGraph(
        'throughput attention',
        memoryCheckpoint('throughput/attention', {}),
        options,
        (ops) => {
          const { batch, tokens } = openSizes();
          const x = ops.input('x', [batch, tokens, WIDTH]);
          ops.output('out', ops.meanToken(ops.attention(x, x, x, { heads: HEADS })));
        },
      ),
    inputs: (level) => ({ x: filled([1, 256 << level, WIDTH]) }),
  },
  {
    kind: 'bytes',
    graph: (options) =>
      buildGraph('throughput bytes', memoryCheckpoint('throughput/bytes', {}), options, (ops) => {
        const { batch, tokens } = openSizes();
        let x = ops.input('x', [batch, tokens, WIDTH]);
        for (let i = 0; i < 4; i++) x = ops.silu(x);
        ops.output('out', ops.meanToken(x));
      }),
    inputs: (level) => ({ x: filled([1, 256 << (2 * level), WIDTH]) }),
  },
];

function filled(dims: readonly number[]): HostTensor {
  return { dims, data: tensor(4, dims).data };
}

function tensor(seed: number, shape: readonly number[]): ProbeTensor {
  return {
    shape,
    data: values(
      seed,
      shape.reduce((product, dim) => product * dim, 1),
      1 / 64,
    ),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
