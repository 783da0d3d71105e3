/**
 * Attention in pieces gives PyTorch's numbers as well: a device that is slow at it makes every network cut it.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import type { Backend } from '../../../src/runtime/backend.ts';
import { runCase } from '../../../tools/conformance/case.ts';
import { smallCases } from './support.ts';

const cases = new Map(
  (await smallCases({ backend: 'wasm', precision: 'float32' })).map((each) => [each.name, each]),
);

let runtime: Runtime;
/** Operations of attention a second; all else takes no time. */
let attention = 1;
/** For each graph that was prepared, into how many pieces its attentions are cut at most. */
const pieces: number[] = [];

beforeAll(async () => {
  const host = await startWasmHost();
  const { backend, budget } = host;
  const watching: Backend = {
    kind: backend.kind,
    spelling: backend.spelling,
    precision: backend.precision,
    isUsable: true,
    residentBytes: 0,
    uploadedBytes: 0,
    prepare: (graph, options) => {
      const splits = graph.nodes.filter(
        ({ op, attributes }) => op === 'Split' && attributes['axis'] === 1,
      );
      pieces.push(Math.max(1, ...splits.map(({ outputs }) => outputs.length)));
      return backend.prepare(graph, options);
    },
    releaseCheckpoint: (id) => backend.releaseCheckpoint(id),
    dispose: () => backend.dispose(),
  };
  runtime = new Runtime({
    ...host,
    backend: watching,
    budget: (dtype) => ({
      ...budget(dtype),
      throughput: { attention, convolution: 1e18, matmul: 1e18, bytes: 1e18 },
    }),
  });
});
afterAll(() => runtime.dispose());

describe('cut into pieces', () => {
  test.each([
    ['parts/unet/out', 2e6, 16],
    ['parts/unet_rect/out', 2e7, 8],
    ['parts/sdxl/out', 5e5, 8],
    ['parts/vae/decoded', 1e6, 16],
    ['parts/vae/mean', 1e6, 16],
    ['fullsize/wide/vae/decode8', 4e6, 8],
  ])('%s is right: at %d operations a second, in %i pieces', async (name, speed, expected) => {
    attention = speed;
    pieces.length = 0;
    expect(await runCase(cases.get(name)!, runtime)).toMatchObject({ status: 'passed' });
    expect(pieces).toEqual([expected]);
  });
});
