/**
 * How a graph is fitted to a device: pieces of attention, limits, memory, time.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphBuilder, type Work } from '../../../src/graph/builder.ts';
import { symbol } from '../../../src/graph/dim.ts';
import {
  chunksFor,
  MAX_DISPATCH_SECONDS,
  MAX_SCORE_BYTES,
  nodeSeconds,
  planRun,
  type ChunkRules,
  type DeviceBudget,
} from '../../../src/runtime/plan.ts';

const MEBI = 2 ** 20;
const AMPLE: DeviceBudget = {
  maxBufferBytes: 4096 * MEBI,
  maxBindingBytes: 4096 * MEBI,
  throughput: undefined,
};
const FAST = { convolution: 1e13, matmul: 1e13, attention: 1e12, bytes: 1e11 };
const SECOND = 1; // of work at a throughput of one operation a second

const B = symbol('B');

/** [B, 4] floats through a node of the given work, to [B, 1024]. */
function graphOf(work?: Work) {
  const g = new GraphBuilder({ name: 'test', spelling: 'webgpu', dtype: 'float32' });
  const x = g.input('x', 'float32', [B, 4], 'plain');
  const options = work === undefined ? {} : { work };
  g.output('y', g.node('Big', [x], 'float32', [B, 1024], options), 'plain');
  return g.finish('a');
}

describe('the time of a node', () => {
  const throughput = { convolution: 10, matmul: 100, attention: 1, bytes: 1000 };

  test('is that of its arithmetic, by kind', () => {
    const seconds = (kind: Work['kind']): number =>
      nodeSeconds({ kind, flops: 200, bytes: 0 }, throughput);
    expect([seconds('convolution'), seconds('matmul'), seconds('attention')]).toEqual([20, 2, 200]);
  });

  test('or of its bytes, whichever is longer', () => {
    expect(nodeSeconds({ kind: 'matmul', flops: 200, bytes: 5000 }, throughput)).toBe(5);
    expect(nodeSeconds({ kind: undefined, flops: 0, bytes: 500 }, throughput)).toBe(0.5);
  });
});

describe('a plan', () => {
  test('names the nodes that exceed a limit, and which', () => {
    const budget = { ...AMPLE, maxBufferBytes: 8000, maxBindingBytes: 4000 };
    const violation = { node: 'Big_0', op: 'Big' };
    expect(planRun(graphOf(), { B: 1 }, budget).violations).toEqual([
      { ...violation, reason: 'binding', value: 4096, limit: 4000 },
    ]);
    expect(planRun(graphOf(), { B: 2 }, budget).violations).toEqual([
      { ...violation, reason: 'buffer', value: 8192, limit: 8000 },
      { ...violation, reason: 'binding', value: 8192, limit: 4000 },
    ]);
  });

  test('allows exactly the limit', () => {
    const budget = { ...AMPLE, maxBufferBytes: 4096, maxBindingBytes: 4096 };
    expect(planRun(graphOf(), { B: 1 }, budget).violations).toEqual([]);
  });

  test('tells time where a throughput was measured, and only there', () => {
    const graph = graphOf({ kind: 'matmul', flops: 6e12 });
    const { violations, seconds } = planRun(graph, { B: 1 }, { ...AMPLE, throughput: FAST });
    expect(seconds).toBeCloseTo(0.6, 9);
    expect(violations).toEqual([
      { node: 'Big_0', op: 'Big', reason: 'time', value: 0.6, limit: MAX_DISPATCH_SECONDS },
    ]);
    expect(planRun(graph, { B: 1 }, AMPLE)).toMatchObject({ violations: [], seconds: undefined });
  });

  test('adds weights and activations to memory, and holds that against what there is', () => {
    const { memoryBytes } = planRun(graphOf(), { B: 1 }, AMPLE);
    expect(memoryBytes).toBe(16 + 4096);
    const budget = { ...AMPLE, maxMemoryBytes: 4000 };
    expect(planRun(graphOf(), { B: 1 }, budget).violations).toMatchObject([
      { node: 'test', reason: 'memory', value: memoryBytes, limit: 4000 },
    ]);
  });
});

/** Attention of so many heads over so many tokens, as the rules cut it. */
function cut(
  {
    queries,
    keys = queries,
    heads,
    width,
  }: Record<'queries' | 'heads' | 'width', number> & {
    keys?: number;
  },
  rules: Partial<ChunkRules> = {},
): number {
  const all = { bindings: { B: 1 }, budget: AMPLE, dtype: 'float32', isFused: false } as const;
  return chunksFor({ ...all, ...rules })({ queries, keys, heads, headWidth: width });
}

describe('cutting attention', () => {
  // The middle of an autoencoder at 1024 pixels: 16384^2 scores of 4 bytes are 1 GiB.
  const middle = { queries: 16384, heads: 1, width: 512 };

  test('keeps written scores within 64 MiB', () => {
    expect(MAX_SCORE_BYTES).toBe(64 * MEBI);
    expect(cut({ ...middle, queries: 4096 })).toBe(1);
    expect(cut(middle)).toBe(16);
    expect(cut(middle, { isFused: true })).toBe(16);
    expect(cut(middle, { isFused: true, dtype: 'float16' })).toBe(8);
    expect(cut(middle, { bindings: { B: 2 } })).toBe(32);
    expect(cut({ queries: 4096, heads: 8, width: 40 })).toBe(8);
  });

  test('in half precision counts the f32 that the portable softmax works in', () => {
    expect(cut(middle, { dtype: 'float16' })).toBe(16);
  });

  test('keeps written scores within a smaller binding, too', () => {
    const budget = { ...AMPLE, maxBindingBytes: 16 * MEBI };
    expect(cut(middle, { budget })).toBe(64);
  });

  test('leaves fused attention whole, however large its scores would be', () => {
    const huge = { queries: 65536, heads: 20, width: 64 };
    expect(cut(huge, { isFused: true })).toBe(1);
    const budget = { ...AMPLE, maxBindingBytes: 16 * MEBI };
    expect(cut(huge, { isFused: true, budget })).toBe(1);
  });

  test('keeps a dispatch within half a second, fused or not', () => {
    // 4 * 16384^2 * 40 * 8 operations: 0.34 s at 1 TFLOP/s.
    const first = { queries: 16384, heads: 8, width: 40 };
    const budget = { ...AMPLE, throughput: FAST };
    expect(cut(first, { isFused: true, budget })).toBe(1);
    expect(cut(first, { isFused: true, budget, bindings: { B: 2 } })).toBe(2);
    const slow = { ...AMPLE, throughput: { ...FAST, attention: 1e11 } };
    expect(cut(first, { isFused: true, budget: slow })).toBe(8);
    expect(cut({ ...first, keys: 77 }, { isFused: true, budget: slow })).toBe(1);
  });

  test('ends at 256 pieces', () => {
    const crawling = { ...AMPLE, throughput: { ...FAST, attention: 1 } };
    expect(cut(middle, { budget: crawling })).toBe(256);
  });

  test('evaluates open sizes', () => {
    const attention = {
      queries: symbol('S'),
      keys: symbol('T'),
      heads: 1,
      headWidth: 512,
    };
    const rules = { budget: AMPLE, dtype: 'float32', isFused: false } as const;
    expect(chunksFor({ ...rules, bindings: { B: 1, S: 16384, T: 77 } })(attention)).toBe(1);
    expect(chunksFor({ ...rules, bindings: { B: 1, S: 16384, T: 16384 } })(attention)).toBe(16);
  });

  test('is as coarse as the limits allow, in powers of two, with no piece empty', () => {
    const tokens = fc.oneof(
      fc.integer({ min: 1, max: 20_000 }),
      fc.constantFrom(4096, 9216, 65536),
    );
    const cases = fc.record({
      batch: fc.integer({ min: 1, max: 4 }),
      queries: tokens,
      keys: tokens,
      heads: fc.constantFrom(1, 5, 8, 20),
      width: fc.constantFrom(40, 64, 160, 512),
      dtype: fc.constantFrom('float16' as const, 'float32' as const),
      isFused: fc.boolean(),
      maxBindingBytes: fc.constantFrom(16 * MEBI, 128 * MEBI, 2048 * MEBI),
      attention: fc.constantFrom(undefined, 1e10, 1e11, 1e12, 1e13),
    });
    fc.assert(
      fc.property(cases, (given) => {
        const { batch, queries, keys, heads, width, dtype, isFused, attention } = given;
        const throughput = attention === undefined ? undefined : { ...FAST, attention };
        const budget = { ...AMPLE, maxBindingBytes: given.maxBindingBytes, throughput };
        const rules = { bindings: { B: batch }, budget, dtype, isFused };
        const chunks = cut({ queries, keys, heads, width }, rules);

        const isWithin = (pieces: number): boolean => {
          const scores = batch * heads * Math.ceil(queries / pieces) * keys;
          const isWritten = !isFused || heads === 1;
          const bytes = scores * (isFused && dtype === 'float16' ? 2 : 4);
          const seconds = attention === undefined ? 0 : (4 * scores * width) / attention;
          return (
            (!isWritten || bytes <= Math.min(64 * MEBI, given.maxBindingBytes)) &&
            seconds <= 0.5 * SECOND
          );
        };
        const isPossible = (pieces: number): boolean =>
          pieces <= 256 && Math.ceil(queries / pieces) * (pieces - 1) < queries;

        expect(Math.log2(chunks) % 1).toBe(0);
        expect(isPossible(chunks)).toBe(true);
        expect(chunks > 1 && isWithin(chunks / 2)).toBe(false);
        expect(isWithin(chunks) || !isPossible(2 * chunks)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
