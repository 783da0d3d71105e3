/**
 * Small helpers of the GPU tests: reading a buffer back, random bytes, the CPU's answer to a conversion.
 */

import { requestGpuDevice } from '../../src/runtime/gpu/device.ts';
import { trackGpuMemory, type GpuLedger } from '../../src/runtime/gpu/ledger.ts';
import { softwareGpu } from './dawn.ts';
import { BUFFER_USAGE, MAP_MODE } from '../../src/runtime/gpu/flags.ts';
import { float16ToFloat32Array, float32ToFloat16Array } from '../../src/tensor/float16.ts';
import type { FloatDtype, StorageDtype } from '../../src/tensor/dtype.ts';
import type { WeightLayout } from '../../src/weights/layout.ts';

/** A device for one test, with its ledger. */
export type TestDevice = {
  device: GPUDevice;
  ledger: GpuLedger;
  /** Destroys the device. Throws when there was an error that no scope caught. */
  close: () => void;
};

/** A device on SwiftShader. */
export async function openTestDevice(
  limits: 'highest' | 'default' = 'highest',
): Promise<TestDevice> {
  const options = { allowSoftware: true, limits };
  const { device, uncapturedErrors } = await requestGpuDevice(await softwareGpu(), options);
  const ledger = trackGpuMemory(device);
  const close = () => {
    device.destroy();
    const [first] = uncapturedErrors;
    if (first) throw new Error(`uncaptured ${first.kind} error: ${first.message}`);
  };
  return { device, ledger, close };
}

/** The bytes of a buffer with usage COPY_SRC. */
export async function readBuffer(device: GPUDevice, buffer: GPUBuffer): Promise<Uint8Array> {
  const { MAP_READ, COPY_DST } = BUFFER_USAGE;
  // The prototype's own method: a reader is neither counted nor limited by the ledger.
  const copy = GPUDevice.prototype.createBuffer.call(device, {
    size: buffer.size,
    usage: MAP_READ | COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(MAP_MODE.READ);
  const bytes = new Uint8Array(copy.getMappedRange().slice(0));
  copy.destroy();
  return bytes;
}

/** Numbers in [0, 1) from a 32-bit linear congruential generator: enough to pick test cases. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `length` random bytes: as floats, every kind of number. */
export function randomBits(random: () => number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random() * 256);
}

/** The bytes of a weight, computed element by element on the CPU. */
export function referenceWeight(
  raw: Uint8Array<ArrayBuffer>,
  shape: readonly [rows: number, columns: number],
  { from, to, layout }: { from: StorageDtype; to: FloatDtype; layout: WeightLayout },
): Uint8Array {
  const stored = convertBits(raw, from, to);
  const [rows, columns] = shape;
  if (layout === 'stored') return new Uint8Array(stored.buffer, 0, stored.byteLength);
  const result = stored.slice();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = stored[row * columns + column] ?? 0;
    }
  }
  return new Uint8Array(result.buffer);
}

function convertBits(
  raw: Uint8Array<ArrayBuffer>,
  from: StorageDtype,
  to: FloatDtype,
): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  const { buffer } = raw.slice();
  if (from === to) return to === 'float32' ? new Uint32Array(buffer) : new Uint16Array(buffer);
  const singles =
    from === 'float32'
      ? new Float32Array(buffer)
      : from === 'float16'
        ? float16ToFloat32Array(new Uint16Array(buffer))
        : // As bits: a JavaScript number does not keep a signalling NaN.
          new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
  return to === 'float32' ? new Uint32Array(singles.buffer) : float32ToFloat16Array(singles);
}
