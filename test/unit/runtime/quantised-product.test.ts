/**
 * A product with weights of 8 and 4 bits against the definition in float64 over the same codes and scales, on wasm in both
 * formats: how right the library's operator is, without the error of quantising.
 *
 * In f16 the library's CPU kernel widens the activations, sums in f32 and rounds the result once. GPUs may sum in f16, which
 * no renderer without a GPU computes.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GraphModule } from '../../../src/graph/builder.ts';
import { symbol } from '../../../src/graph/dim.ts';
import { buildGraph } from '../../../src/networks/network.ts';
import type { RuntimeHost } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { memoryCheckpoint, values } from '../../../src/runtime/self-check/values.ts';
import { float16ToFloat32 } from '../../../src/tensor/float16.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { quantiseBlocks } from '../../../src/weights/quantise.ts';
import { relativeError } from '../../../tools/conformance/case.ts';

const ROWS = 96;
const WIDTH = 1280;
const BLOCK = 32;

const matrix = values(1, ROWS * WIDTH, 1 / 16);
const checkpoint = memoryCheckpoint('product', {
  'linear.weight': { shape: [ROWS, WIDTH], data: matrix },
});

/** The weights that codes and scales stand for. */
function dequantised(bits: 8 | 4): Float64Array {
  const codes = new Uint8Array((matrix.length * bits) / 8);
  const scales = new Uint16Array(matrix.length / BLOCK);
  quantiseBlocks(matrix, bits, { codes, scales });
  return Float64Array.from(matrix, (_, i) => {
    const byte = codes[Math.floor((i * bits) / 8)] ?? NaN;
    const code = bits === 8 ? byte : i % 2 === 0 ? byte & 15 : byte >> 4;
    return (code - 2 ** (bits - 1)) * float16ToFloat32(scales[Math.floor(i / BLOCK)] ?? NaN);
  });
}

/** x @ weight^T. */
function product(x: HostTensor, weight: Float64Array): HostTensor {
  const [, tokens = 0] = x.dims;
  const out = new Float32Array(tokens * ROWS);
  for (let token = 0; token < tokens; token++) {
    for (let row = 0; row < ROWS; row++) {
      let sum = 0;
      for (let i = 0; i < WIDTH; i++) {
        sum += (x.data[token * WIDTH + i] ?? NaN) * (weight[row * WIDTH + i] ?? NaN);
      }
      out[token * ROWS + row] = sum;
    }
  }
  return hostTensor(out, [1, tokens, ROWS]);
}

describe.each([
  // Sums of 1280 terms in another order.
  ['float32', 2e-6],
  // Half a unit of the last of 11 bits.
  ['float16', 2 ** -11],
] as const)('in %s', (precision, tolerance) => {
  let host: RuntimeHost;
  beforeAll(async () => {
    host = await startWasmHost({ precision });
  });
  afterAll(() => host.backend.dispose());

  const graph = (weightBits: 8 | 4): GraphModule =>
    buildGraph(
      `product of ${weightBits}`,
      checkpoint,
      { spelling: 'portable', dtype: precision, weightBits, quantiseFrom: 0 },
      (ops, w) => {
        const x = ops.input('x', [symbol('B'), symbol('T'), WIDTH]);
        ops.output('out', ops.linear(x, w.at('linear'), { out: ROWS, bias: false }));
      },
    );

  test.each([
    [8, 1],
    [8, 13],
    [4, 1],
    [4, 13],
  ] as const)('%i bits, %i tokens', async (bits, tokens) => {
    // Exact in f16.
    const x = hostTensor(values(2, tokens * WIDTH), [1, tokens, WIDTH]);
    const written = graph(bits);
    expect(written.nodes.map(({ op }) => op)).toContain('MatMulNBits');
    const { out } = await (await host.backend.prepare(written)).run({ x });
    const error = relativeError({
      computed: out as HostTensor,
      expected: product(x, dequantised(bits)),
    });
    expect(error).toBeLessThan(tolerance);
  });
});
