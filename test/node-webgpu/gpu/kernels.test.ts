/**
 * Linear combinations and the count of non-finite numbers, against loops on the CPU, on a device with
 * high limits and on one with WebGPU's defaults.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestGpuDevice } from '../../../src/runtime/gpu/device.ts';
import { BUFFER_USAGE } from '../../../src/runtime/gpu/flags.ts';
import { Combiner, type CombineTerm } from '../../../src/runtime/gpu/kernels/combine.ts';
import { countNonFinite } from '../../../src/runtime/gpu/kernels/finite.ts';
import type { GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import { nullGpu, softwareGpu } from '../../support/dawn.ts';
import { openTestDevice, readBuffer, seededRandom } from '../../support/gpu.ts';

const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;

describe.each(['highest', 'default'] as const)('with %s limits', (limits) => {
  let device: GPUDevice;
  let ledger: GpuLedger;
  let close: () => void;
  let combiner: Combiner;

  beforeAll(async () => {
    ({ device, ledger, close } = await openTestDevice(limits));
    combiner = new Combiner(device);
  });

  afterAll(() => {
    combiner.dispose();
    close();
  });

  function upload(bytes: Uint8Array<ArrayBuffer>): GPUBuffer {
    const size = Math.ceil(bytes.length / 4) * 4;
    const buffer = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    const padded = new Uint8Array(size).fill(0xff); // NaN, if it were looked at
    padded.set(bytes);
    device.queue.writeBuffer(buffer, 0, padded);
    return buffer;
  }

  function floats(values: Float32Array<ArrayBuffer>): GPUBuffer {
    return upload(new Uint8Array(values.buffer));
  }

  describe('Combiner', () => {
    it.each([1, 2, 3, 5, 7, 8, 11, 20])('sums %i terms of any length', async (terms) => {
      const random = seededRandom(terms);
      for (const length of [1, 3, 4, 63, 64, 257, 1000, 16384]) {
        const values = Array.from({ length: terms }, () =>
          Float32Array.from({ length }, () => random() * 2 - 1),
        );
        const coefficients = values.map(() => random() * 4 - 2);
        const buffers = values.map(floats);
        const output = floats(new Float32Array(length).fill(NaN));
        await combiner.run(
          { buffer: output },
          buffers.map((buffer, i) => ({ buffer, coefficient: coefficients[i] ?? 0 })),
          length,
        );
        const result = new Float32Array((await readBuffer(device, output)).buffer);
        for (let i = 0; i < length; i++) {
          const products = values.map((term, t) => (term[i] ?? 0) * (coefficients[t] ?? 0));
          const exact = products.reduce((sum, product) => sum + product, 0);
          const magnitude = products.reduce((sum, product) => sum + Math.abs(product), 0);
          // Every product and sum is rounded once to single precision.
          const error = Math.abs((result[i] ?? NaN) - exact);
          expect(error).toBeLessThanOrEqual(magnitude * (terms + 1) * 2 ** -24);
        }
        for (const buffer of [...buffers, output]) buffer.destroy();
      }
    });

    it('reads and writes at any offset, and nothing around it', async () => {
      const source = Float32Array.from({ length: 500 }, (_, i) => i);
      const buffer = floats(source);
      for (const [a, b, to, length] of [
        [0, 128, 64, 64],
        [1, 7, 3, 100],
        [130, 333, 69, 77],
        [64, 65, 4, 128],
      ] as const) {
        const output = floats(new Float32Array(500).fill(-1));
        const terms: CombineTerm[] = [
          { buffer, offset: a, coefficient: 2 },
          { buffer, offset: b, coefficient: -0.5 },
        ];
        await combiner.run({ buffer: output, offset: to }, terms, length);
        const expected = new Float32Array(500).fill(-1);
        for (let i = 0; i < length; i++) expected[to + i] = 2 * (a + i) - 0.5 * (b + i);
        const result = new Float32Array((await readBuffer(device, output)).buffer);
        expect([...result]).toEqual([...expected]);
        output.destroy();
      }
      buffer.destroy();
    });

    it('keeps concurrent combinations apart', async () => {
      const input = floats(Float32Array.of(1, 2, 3, 4));
      const outputs = Array.from({ length: 10 }, () => floats(new Float32Array(4)));
      await Promise.all(
        outputs.map((buffer, i) =>
          combiner.run({ buffer }, [{ buffer: input, coefficient: i }], 4 - (i % 2)),
        ),
      );
      for (const [i, output] of outputs.entries()) {
        const result = new Float32Array((await readBuffer(device, output)).buffer);
        expect([...result]).toEqual([i, 2 * i, 3 * i, i % 2 === 0 ? 4 * i : 0]);
      }
    });

    it('says that memory is out, and works once there is some', async () => {
      const [a, b] = [floats(new Float32Array(4)), floats(Float32Array.of(1, 2, 3, 4))];
      const fresh = new Combiner(device);
      ledger.failAbove(ledger.liveBytes);
      const outOfMemory = { code: 'out-of-memory' };
      const run = () => fresh.run({ buffer: a }, [{ buffer: b, coefficient: 2 }], 4);
      await expect(run()).rejects.toMatchObject(outOfMemory);
      const check = countNonFinite(device, a, { dtype: 'float32', length: 4 });
      await expect(check).rejects.toMatchObject(outOfMemory);
      ledger.failAbove(Infinity);
      await run();
      const result = new Float32Array((await readBuffer(device, a)).buffer);
      expect([...result]).toEqual([2, 4, 6, 8]);
      fresh.dispose();
    });

    it('refuses no terms, its own output as a term, and spans outside a buffer', async () => {
      const [a, b] = [floats(new Float32Array(4)), floats(new Float32Array(4))];
      const invalid = { code: 'invalid-argument' };
      await expect(combiner.run({ buffer: a }, [], 4)).rejects.toMatchObject(invalid);
      const itself = [{ buffer: a, coefficient: 1 }];
      await expect(combiner.run({ buffer: a }, itself, 4)).rejects.toMatchObject(invalid);
      const beyond = [{ buffer: b, offset: 1, coefficient: 1 }];
      await expect(combiner.run({ buffer: a }, beyond, 4)).rejects.toMatchObject(invalid);
    });
  });

  describe('countNonFinite', () => {
    it('counts NaN and both infinities in single precision', async () => {
      const values = Float32Array.from({ length: 100_003 }, (_, i) => i * 3.4e33);
      values.set([NaN, Infinity, -Infinity, -0, 1e-45, 3.4028234663852886e38], 4000);
      values[100_002] = NaN;
      const buffer = floats(values);
      const count = (length: number) =>
        countNonFinite(device, buffer, { dtype: 'float32', length });
      expect(await count(values.length)).toBe(4);
      expect(await count(values.length - 1)).toBe(3);
      expect(await count(4001)).toBe(1);
      expect(await count(0)).toBe(0);
    });

    it('counts halves, an odd number of them too', async () => {
      const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const buffer = upload(new Uint8Array(all.buffer));
      const isFinite = (half: number) => (half & 0x7c00) !== 0x7c00;
      for (const length of [65536, 65535, 0x7c01, 0x7c02, 0x7c00, 3]) {
        const expected = all.subarray(0, length).filter((half) => !isFinite(half)).length;
        expect(await countNonFinite(device, buffer, { dtype: 'float16', length })).toBe(expected);
      }
    });

    it('frees what it used', async () => {
      const buffer = floats(Float32Array.of(1, NaN, 3));
      const before = ledger.liveBytes;
      expect(await countNonFinite(device, buffer, { dtype: 'float32', length: 3 })).toBe(1);
      expect(ledger.liveBytes).toBe(before);
    });

    it('refuses more elements than there are', async () => {
      const buffer = floats(new Float32Array(3));
      const check = countNonFinite(device, buffer, { dtype: 'float32', length: 4 });
      await expect(check).rejects.toMatchObject({ code: 'invalid-argument' });
    });
  });
});

it('counts in a buffer larger than what a shader may bind', async () => {
  const { device, close } = await openTestDevice('default');
  const size = 160 * 2 ** 20;
  expect(size).toBeGreaterThan(device.limits.maxStorageBufferBindingSize);
  const buffer = device.createBuffer({ size, usage: STORAGE | COPY_DST });
  const nan = Uint32Array.of(0x7fc00000);
  for (const at of [0, 128 * 2 ** 20 - 4, 128 * 2 ** 20, size - 4]) {
    device.queue.writeBuffer(buffer, at, nan);
  }
  expect(await countNonFinite(device, buffer, { dtype: 'float32', length: size / 4 })).toBe(4);
  close();
});

it('compiles on a device with shader-f16', async () => {
  const { device, uncapturedErrors } = await requestGpuDevice(await nullGpu(), {
    allowSoftware: true,
  });
  const usage = STORAGE | COPY_SRC | COPY_DST;
  const [a, b] = [
    device.createBuffer({ size: 64, usage }),
    device.createBuffer({ size: 64, usage }),
  ];
  await new Combiner(device).run({ buffer: a }, [{ buffer: b, coefficient: 1 }], 16);
  await countNonFinite(device, a, { dtype: 'float16', length: 16 });
  expect(uncapturedErrors).toEqual([]);
  device.destroy();
  await softwareGpu();
});
