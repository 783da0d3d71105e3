/**
 * Converting checkpoint bytes on the GPU, against src/tensor/float16.ts: the same bits, for every
 * pattern of half precision, and for any shape cut into chunks anywhere.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestGpuDevice } from '../../../src/runtime/gpu/device.ts';
import { BUFFER_USAGE } from '../../../src/runtime/gpu/flags.ts';
import { Converter, type Conversion } from '../../../src/runtime/gpu/kernels/convert.ts';
import { BYTES_PER_ELEMENT } from '../../../src/tensor/dtype.ts';
import { nullGpu, softwareGpu } from '../../support/dawn.ts';
import { randomBits, readBuffer, referenceWeight, seededRandom } from '../../support/gpu.ts';

const FROM = ['float32', 'float16', 'bfloat16'] as const;
const TO = ['float32', 'float16'] as const;
const LAYOUTS = ['stored', 'transposed'] as const;

const conversions: Conversion[] = FROM.flatMap((from) =>
  TO.flatMap((to) => LAYOUTS.map((layout) => ({ from, to, layout }))),
);

let device: GPUDevice;
let converter: Converter;

beforeAll(async () => {
  ({ device } = await requestGpuDevice(await softwareGpu(), { allowSoftware: true }));
  converter = new Converter(device);
});

afterAll(() => {
  converter.dispose();
  device.destroy();
});

/** Converts `raw` in chunks that end before the elements `cuts`, and returns all bytes of the destination. */
async function convert(
  conversion: Conversion,
  raw: Uint8Array<ArrayBuffer>,
  { rows, columns, cuts = [] }: { rows: number; columns: number; cuts?: number[] },
): Promise<Uint8Array> {
  await converter.prepare(conversion);
  const size = BYTES_PER_ELEMENT[conversion.from];
  const count = rows * columns;
  const { STORAGE, COPY_SRC, COPY_DST } = BUFFER_USAGE;
  const bytes = Math.ceil((count * BYTES_PER_ELEMENT[conversion.to]) / 4) * 4;
  const destination = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST });
  // What was there before must not matter, but for the padding.
  device.queue.writeBuffer(destination, 0, new Uint8Array(bytes).fill(0xa5));
  const ends = [...cuts, count];
  // Last chunk first: no chunk may rely on another.
  for (const i of [...ends.keys()].reverse()) {
    const first = ends[i - 1] ?? 0;
    const end = ends[i] ?? count;
    if (end === first) continue;
    const chunk = new Uint8Array(Math.ceil(((end - first) * size) / 4) * 4).fill(0xff);
    chunk.set(raw.subarray(first * size, end * size));
    const source = device.createBuffer({ size: chunk.length, usage: STORAGE | COPY_DST });
    device.queue.writeBuffer(source, 0, chunk);
    converter.run(conversion, { source, destination, first, count: end - first, rows, columns });
    source.destroy();
  }
  const result = await readBuffer(device, destination);
  destination.destroy();
  return result;
}

describe.each(conversions)('$from to $to, $layout', (conversion) => {
  it('gives the bits of the CPU for every special value', async () => {
    const raw = specialValues(conversion.from);
    const count = raw.length / BYTES_PER_ELEMENT[conversion.from];
    const rows = count % 3 === 0 ? 3 : 2;
    const shape = [rows, count / rows] as const;
    const result = await convert(conversion, raw, { rows: shape[0], columns: shape[1] });
    const expected = referenceWeight(raw, shape, conversion);
    expect(firstDifference(result, expected)).toBeUndefined();
  });

  it('gives the bits of the CPU for any shape, cut anywhere', async () => {
    const random = seededRandom(7);
    for (let trial = 0; trial < 40; trial++) {
      const rows = 1 + Math.floor(random() * 37);
      const columns = 1 + Math.floor(random() * 41);
      const cuts = Array.from({ length: Math.floor(random() * 6) }, () =>
        Math.floor(random() * rows * columns),
      ).sort((a, b) => a - b);
      const raw = randomBits(random, rows * columns * BYTES_PER_ELEMENT[conversion.from]);
      const result = await convert(conversion, raw, { rows, columns, cuts });
      const expected = referenceWeight(raw, [rows, columns], conversion);
      const label = JSON.stringify({ rows, columns, cuts });
      expect([label, firstDifference(result, expected)]).toEqual([label, undefined]);
      // An odd number of halves leaves the upper half of the last word as it was.
      const padding = result.subarray(expected.length);
      expect([label, ...padding]).toEqual([label, ...padding.map(() => 0xa5)]);
    }
  });
});

describe('Converter', () => {
  it('covers tensors of more workgroups than one row of a dispatch', async () => {
    // 65535 workgroups of 64: anything above 4,194,240 elements.
    const [rows, columns] = [2053, 2048];
    const raw = randomBits(seededRandom(1), rows * columns * 2);
    const conversion: Conversion = { from: 'float16', to: 'float16', layout: 'transposed' };
    const result = await convert(conversion, raw, { rows, columns });
    expect(firstDifference(result, referenceWeight(raw, [rows, columns], conversion))).toBe(
      undefined,
    );
  });

  it('refuses to run what was not prepared', () => {
    const buffer = device.createBuffer({ size: 16, usage: BUFFER_USAGE.STORAGE });
    const fresh = new Converter(device);
    const chunk = { source: buffer, destination: buffer, first: 0, count: 1, rows: 1, columns: 1 };
    expect(() => fresh.run({ from: 'float32', to: 'float16', layout: 'stored' }, chunk)).toThrow(
      /not prepared/,
    );
    fresh.dispose();
    buffer.destroy();
  });

  it('compiles on a device with shader-f16', async () => {
    const other = await requestGpuDevice(await nullGpu(), { allowSoftware: true });
    const onNothing = new Converter(other.device);
    for (const conversion of conversions) {
      await expect(onNothing.prepare(conversion)).resolves.toBeUndefined();
    }
    other.device.destroy();
    await softwareGpu();
  });
});

/** All half patterns; or for single precision, both signs of all exponents with telling fractions. */
function specialValues(dtype: Conversion['from']): Uint8Array<ArrayBuffer> {
  if (dtype !== 'float32') {
    return new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
  }
  const fractions = [0, 1, 0x7fffff, 0x400000, 0x3fffff, 0x400001, 0x001000, 0x000fff, 0x001001];
  fractions.push(0x003000, 0x002fff, 0x003001, 0x7fefff, 0x7ff000, 0x7fe000, 0x555555);
  const patterns = Array.from({ length: 512 }, (_, top) =>
    fractions.map((fraction) => ((top << 23) | fraction) >>> 0),
  ).flat();
  // Around every half that rounding could produce near the subnormals.
  for (let k = 1; k < 2100; k++) {
    const [bits = 0] = new Uint32Array(Float32Array.of((k / 2) * 2 ** -24).buffer);
    patterns.push(bits - 1, bits, bits + 1);
  }
  if (patterns.length % 2 === 1) patterns.push(0);
  return new Uint8Array(Uint32Array.from(patterns).buffer);
}

function firstDifference(actual: Uint8Array, expected: Uint8Array): number | undefined {
  const index = expected.findIndex((byte, i) => byte !== actual[i]);
  return index === -1 ? undefined : index;
}
