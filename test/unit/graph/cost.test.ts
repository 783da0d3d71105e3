/**
 * Arithmetic, bytes and memory of graphs small enough to be counted by hand.
 */

import { describe, expect, test } from 'vitest';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { graphCost } from '../../../src/graph/cost.ts';
import { symbol, times } from '../../../src/graph/dim.ts';
import { opsFor } from '../../../src/graph/spelling/index.ts';
import { WeightScope } from '../../../src/graph/weight-scope.ts';
import { describedCheckpoint } from '../../support/described-checkpoint.ts';

const B = symbol('B');
const H = symbol('H');
const W = symbol('W');

const SPELLINGS = ['webgpu', 'portable'] as const;

describe.each(SPELLINGS)('arithmetic in the %s spelling', (spelling) => {
  const g = new GraphBuilder({ name: 'test', spelling, dtype: 'float32' });
  const ops = opsFor(g);
  const w = WeightScope.of(
    describedCheckpoint({
      'conv.weight': [16, 4, 3, 3],
      'conv.bias': [16],
      'linear.weight': [12, 16],
      'linear.bias': [12],
    }),
  );
  const x = ops.imageInput('x', { batch: B, height: H, width: W, channels: 4 });
  const conv = ops.conv2d(x, w.at('conv'), { out: 16, kernel: 3, stride: 2 });
  const linear = ops.linear(ops.toTokens(conv), w.at('linear'), { out: 12 });
  ops.output('y', ops.attention(linear, linear, linear, { heads: 3 }));
  const cost = graphCost(g.finish('a'), { B: 2, H: 8, W: 6 });
  const flops = (kind: string): number =>
    cost.nodes.reduce((sum, node) => sum + (node.kind === kind ? node.flops : 0), 0);

  test('counts multiply and add of every kernel element as two', () => {
    const pixels = 2 * 4 * 3; // stride 2 halves both sides
    expect(flops('convolution')).toBe(2 * pixels * 16 * 4 * 9);
    expect(flops('matmul')).toBe(2 * pixels * 16 * 12);
  });

  test('counts both products of an attention', () => {
    const tokens = 4 * 3;
    expect(flops('attention')).toBe(2 * (2 * 2 * tokens * tokens * 12));
  });

  test('adds up', () => {
    expect(cost.flops).toBe(flops('convolution') + flops('matmul') + flops('attention'));
    expect(cost.weightBytes).toBe(4 * (16 * 4 * 9 + 16 + 12 * 16 + 12));
  });
});

/** Nodes over [B, n] values of float32, written as one line each. */
function lines(write: (g: GraphBuilder, node: Make) => void) {
  const g = new GraphBuilder({ name: 'test', spelling: 'webgpu', dtype: 'float32' });
  const node: Make = (op, inputs, width, isView = false) =>
    g.node(op, inputs, 'float32', [B, width], { isView });
  write(g, node);
  return graphCost(g.finish('a'), { B: 1 });
}
type Make = (op: string, inputs: Value[], width: number, isView?: boolean) => Value;
const input = (g: GraphBuilder, name: string, width: number): Value =>
  g.input(name, 'float32', [B, width], 'plain');

describe('bytes', () => {
  const cost = lines((g, node) => {
    const x = input(g, 'x', 100);
    const view = node('Reshape', [x, g.ints([1, 100])], 100, true);
    const size = g.node('Shape', [view], 'int64', [2]);
    const grown = node('Expand', [view, size], 1000);
    g.output('y', grown, 'plain');
  });

  test('are what a node reads and writes', () => {
    expect(cost.nodes.at(-1)).toMatchObject({ op: 'Expand', bytes: 400 + 16 + 4000, flops: 0 });
    expect(cost.nodes.at(-1)!.largest).toEqual({ name: 'y', bytes: 4000 });
  });

  test('are none for a view, and dimensions alone for Shape', () => {
    expect(cost.nodes[0]).toMatchObject({ op: 'Reshape', bytes: 0, flops: 0, kind: undefined });
    expect(cost.nodes[1]).toMatchObject({ op: 'Shape', bytes: 16, largest: { bytes: 16 } });
  });
});

describe('memory', () => {
  test('ends with the last use of each tensor', () => {
    const cost = lines((g, node) => {
      const x = input(g, 'x', 10);
      const a = node('Op', [x], 100); //        x 10, a 100
      const b = node('Op', [a], 20); //         a 100, b 20: x ended with a
      const c = node('Op', [b], 90); //         b 20, c 90
      g.output('y', node('Op', [c, b], 5), 'plain'); // b 20, c 90, y 5
    });
    expect(cost.peakActivationBytes).toBe(4 * 120);
  });

  test('counts what waits for a later use', () => {
    const cost = lines((g, node) => {
      const x = input(g, 'x', 10);
      const skip = node('Op', [x], 50);
      const a = node('Op', [skip], 30);
      const b = node('Op', [a], 40); //         skip 50, a 30, b 40
      g.output('y', node('Concat', [b, skip], 25), 'plain'); // skip 50, b 40, y 25
    });
    expect(cost.peakActivationBytes).toBe(4 * 120);
  });

  test('counts a view with the tensor it looks at, and keeps that alive', () => {
    const cost = lines((g, node) => {
      const x = input(g, 'x', 10);
      const a = node('Op', [x], 100);
      const view = node('Reshape', [a], 100, true);
      const b = node('Op', [x], 40); //         x 10, a 100 (for view), b 40
      g.output('y', node('Op', [b, view], 5), 'plain'); // a 100, b 40, y 5: x ended with b
    });
    expect(cost.peakActivationBytes).toBe(4 * 150);
  });

  test('keeps outputs to the end, and leaves weights out', () => {
    const weight = describedCheckpoint({ w: [1000] }).tensors.get('w')!;
    const cost = lines((g, node) => {
      const x = input(g, 'x', 10);
      g.output('first', node('Op', [x, g.weight(weight)], 50), 'plain');
      g.output('second', node('Op', [x], 60), 'plain'); // x 10, first 50, second 60
    });
    expect(cost.peakActivationBytes).toBe(4 * 120);
    expect(cost.weightBytes).toBe(4000);
  });

  test('grows with open sizes', () => {
    const g = new GraphBuilder({ name: 'test', spelling: 'webgpu', dtype: 'float16' });
    const x = g.input('x', 'float16', [B, times(H, W)], 'plain');
    g.output('y', g.node('Relu', [x], 'float16', x.shape), 'plain');
    const module = g.finish('a');
    for (const [b, h, w] of [
      [1, 2, 3],
      [2, 64, 96],
    ] as const) {
      const { peakActivationBytes } = graphCost(module, { B: b, H: h, W: w });
      expect(peakActivationBytes).toBe(2 * 2 * b * h * w);
    }
  });
});
