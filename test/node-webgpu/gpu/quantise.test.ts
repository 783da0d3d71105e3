/**
 * Weights quantised on the GPU while loading: the bits of the CPU's quantiser, cut into chunks of any size, and a
 * MatMulNBits over them against the product with what codes and scales stand for, in f64.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import { arraysOf } from '../../../src/runtime/gpu/weight-slot.ts';
import { startWebGpuHost } from '../../../src/runtime/webgpu-host.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import type { RuntimeHost } from '../../../src/runtime/runtime.ts';
import { buildGraph, openSizes } from '../../../src/networks/network.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { float16ToFloat32Array } from '../../../src/tensor/float16.ts';
import { BYTES_PER_ELEMENT, type StorageDtype } from '../../../src/tensor/dtype.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { TensorEntry } from '../../../src/weights/checkpoint.ts';
import { BLOCK, type QuantisedBits } from '../../../src/weights/layout.ts';
import { laidOut } from '../../../src/weights/lay-out.ts';
import { quantiseBlocks } from '../../../src/weights/quantise.ts';
import { softwareGpu } from '../../support/dawn.ts';
import {
  openTestDevice,
  randomBits,
  readBuffer,
  seededRandom,
  type TestDevice,
} from '../../support/gpu.ts';

function entryOf(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: StorageDtype,
  shape: number[],
): TensorEntry {
  const source = bufferSource(bytes, 'test');
  return { name: 'w', dtype, shape, source, byteOffset: 0, byteLength: bytes.length };
}

describe('the kernel', () => {
  let opened: TestDevice;
  beforeAll(async () => {
    opened = await openTestDevice();
  });
  afterAll(() => opened.close());

  const forms = (['float32', 'float16', 'bfloat16'] as const).flatMap((from) =>
    (['float32', 'float16'] as const).flatMap((dtype) =>
      (['quantised8', 'quantised4'] as const).map((layout) => ({ from, dtype, layout })),
    ),
  );

  it.each(forms)('gives the bits of the CPU: $from, scales in $dtype, $layout', async (form) => {
    const random = seededRandom(5);
    const { from, dtype, layout } = form;
    for (const [rows, blocks, chunkBytes] of [
      [33, 3, 256],
      [7, 5, 1000],
      [64, 2, 2 ** 20],
    ] as const) {
      const shape = [rows, blocks * BLOCK];
      // Any bits at all in the first rows, then blocks of one size, as a network has them.
      const bytes = randomBits(random, rows * blocks * BLOCK * BYTES_PER_ELEMENT[from]);
      if (from === 'float32') {
        const floats = new Float32Array(bytes.buffer);
        for (let i = floats.length >> 2; i < floats.length; i++) floats[i] = random() - 0.5;
      }
      const entry = entryOf(bytes, from, shape);
      const store = new GpuWeightStore(opened.device, { chunkBytes });
      const weight = await store.acquire('c', entry, { dtype, layout });
      const expected = await laidOut(entry, { dtype, layout });
      for (const [i, { buffer, byteLength }] of arraysOf(weight).entries()) {
        const found = (await readBuffer(opened.device, buffer)).subarray(0, byteLength);
        const different = found.findIndex((byte, at) => byte !== expected[i]![at]);
        expect([byteLength, different]).toEqual([expected[i]!.length, -1]);
      }
      store.dispose();
    }
    expect(opened.ledger.liveBytes).toBe(0);
  });
});

describe.each(['webgpu', 'wasm'] as const)('on %s', (kind) => {
  let host: RuntimeHost;
  beforeAll(async () => {
    const common = { precision: 'float32', threads: 1 } as const;
    host =
      kind === 'wasm'
        ? await startWasmHost(common)
        : await startWebGpuHost({
            ...common,
            gpu: await softwareGpu(),
            allowSoftware: true,
            spelling: 'webgpu',
          });
  });
  afterAll(() => host.backend.dispose());

  it.each([8, 4] as const)(
    'a linear layer of %i bits is the product with its codes',
    async (bits) => {
      const [tokens, width, out] = [21, 96, 72];
      const random = seededRandom(bits);
      const floats = (count: number): Float32Array<ArrayBuffer> =>
        Float32Array.from({ length: count }, () => random() - 0.5);
      const matrix = floats(out * width);
      const entry = entryOf(new Uint8Array(matrix.buffer), 'float32', [out, width]);
      const checkpoint = { id: `matrix-${bits}`, tensors: new Map([['weight', entry]]) };
      const options = {
        spelling: host.backend.spelling,
        dtype: 'float32',
        weightBits: bits,
        quantiseFrom: 0,
      } as const;
      const graph = buildGraph('linear', checkpoint, options, (ops, w) => {
        const sizes = openSizes();
        const x = ops.input('x', [sizes.batch, sizes.tokens, width]);
        ops.output('y', ops.linear(x, w, { out, bias: false }));
      });
      expect(graph.nodes.map(({ op }) => op)).toContain('MatMulNBits');
      const x = hostTensor(floats(2 * tokens * width), [2, tokens, width]);
      const prepared = await host.backend.prepare(graph);
      const { y } = (await prepared.run({ x })) as { y: HostTensor };

      const known = dequantised(matrix, bits);
      let difference = 0;
      let norm = 0;
      for (let row = 0; row < 2 * tokens; row++) {
        for (let o = 0; o < out; o++) {
          let sum = 0;
          for (let i = 0; i < width; i++) sum += x.data[row * width + i]! * known[o * width + i]!;
          difference += (y.data[row * out + o]! - sum) ** 2;
          norm += sum ** 2;
        }
      }
      // f32 sums of 96 products in another order.
      expect(Math.sqrt(difference / norm)).toBeLessThan(1e-6);
    },
  );
});

/** What codes and scales stand for, in f64. */
function dequantised(values: Float32Array, bits: QuantisedBits): number[] {
  const codes = new Uint8Array((values.length * bits) / 8);
  const scales = new Uint16Array(values.length / BLOCK);
  quantiseBlocks(values, bits, { codes, scales });
  const wide = float16ToFloat32Array(scales);
  return Array.from(values, (_, i) => {
    const code = bits === 8 ? codes[i]! : (codes[i >> 1]! >> (4 * (i & 1))) & 15;
    return (code - 2 ** (bits - 1)) * wide[Math.floor(i / BLOCK)]!;
  });
}
