/**
 * Loading weights onto the GPU: the right bits, shared and freed to the byte, within bounded memory.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import type { WeightRequest } from '../../../src/runtime/gpu/weight-request.ts';
import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import { BYTES_PER_ELEMENT } from '../../../src/tensor/dtype.ts';
import {
  openTestDevice,
  randomBits,
  readBuffer,
  referenceWeight,
  seededRandom,
} from '../../support/gpu.ts';
import { tensorEntry, WatchedSource, watchedTensors } from '../../support/memory-source.ts';

const FROM = ['float32', 'float16', 'bfloat16'] as const;
const FORMS = [
  { dtype: 'float32', layout: 'stored' },
  { dtype: 'float32', layout: 'transposed' },
  { dtype: 'float16', layout: 'stored' },
  { dtype: 'float16', layout: 'transposed' },
] as const;
const STORED = { dtype: 'float32', layout: 'stored' } as const;

let device: GPUDevice;
let ledger: GpuLedger;
let close: () => void;

async function open(limits: 'highest' | 'default' = 'highest'): Promise<void> {
  ({ device, ledger, close } = await openTestDevice(limits));
}

beforeEach(() => open());

afterEach(() => close());

/** `count` tensors of `elements` random numbers each, all of one checkpoint. */
function checkpoint(count: number, elements: number) {
  const { raw, source, entries } = watchedTensors(count, elements);
  const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...STORED }));
  return { raw, source, requests };
}

describe('GpuWeightStore loading', () => {
  it('gives the bits of the CPU for any shape, form, offset and chunk size', async () => {
    const random = seededRandom(3);
    for (let trial = 0; trial < 60; trial++) {
      const chunkBytes = 4 + Math.floor(random() * 200);
      const store = new GpuWeightStore(device, { chunkBytes, maxBytesInFlight: 1024 });
      const from = FROM[trial % 3] ?? 'float32';
      const shape = [1 + Math.floor(random() * 19), 1 + Math.floor(random() * 23)] as const;
      const byteOffset = Math.floor(random() * 9);
      const raw = randomBits(random, shape[0] * shape[1] * BYTES_PER_ELEMENT[from]);
      const bytes = new Uint8Array(byteOffset + raw.length + 5);
      bytes.set(raw, byteOffset);
      const source = new WatchedSource(bytes);
      const at = { dtype: from, shape: [...shape, 1, 1].slice(0, 2 + 2 * (trial % 2)), byteOffset };
      const entry = tensorEntry(source, 'w', at);
      for (const form of FORMS) {
        const weight = await store.acquire('c', entry, form);
        const expected = referenceWeight(raw, shape, { from, to: form.dtype, layout: form.layout });
        expect(weight.byteLength).toBe(expected.length);
        expect(weight.buffer.size).toBe(Math.ceil(expected.length / 16) * 16);
        expect(weight.dims).toEqual(form.layout === 'stored' ? at.shape : [shape[1], shape[0]]);
        const actual = await readBuffer(device, weight.buffer);
        const padded = new Uint8Array(weight.buffer.size);
        padded.set(expected);
        const label = JSON.stringify({ from, shape, chunkBytes, ...form });
        expect([label, Buffer.compare(actual, padded)]).toEqual([label, 0]);
      }
      expect(source.longestRead).toBeLessThanOrEqual(chunkBytes);
      expect(store.peakBytesInFlight).toBeLessThanOrEqual(1024);
      store.dispose();
      expect(ledger.liveBytes).toBe(0);
    }
  });

  it('loads on a device with the limits that WebGPU guarantees', async () => {
    close();
    await open('default');
    const [rows, columns] = [1237, 771];
    const raw = randomBits(seededRandom(9), rows * columns * 2);
    const store = new GpuWeightStore(device, { chunkBytes: 300_000 });
    const from = 'bfloat16';
    const entry = tensorEntry(new WatchedSource(raw), 'w', { dtype: from, shape: [rows, columns] });
    for (const form of FORMS) {
      const weight = await store.acquire('c', entry, form);
      const conversion = { from, to: form.dtype, layout: form.layout } as const;
      const expected = referenceWeight(raw, [rows, columns], conversion);
      const actual = await readBuffer(device, weight.buffer);
      expect(Buffer.compare(actual.subarray(0, expected.length), expected)).toBe(0);
    }
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('loads scalars and empty tensors', async () => {
    const source = new WatchedSource(new Uint8Array(Float32Array.of(7).buffer));
    const store = new GpuWeightStore(device);
    const scalar = await store.acquire(
      'c',
      tensorEntry(source, 's', { dtype: 'float32', shape: [] }),
      STORED,
    );
    expect(scalar.dims).toEqual([]);
    expect(new Float32Array((await readBuffer(device, scalar.buffer)).buffer)[0]).toBe(7);
    const empty = await store.acquire(
      'c',
      tensorEntry(source, 'e', { dtype: 'float32', shape: [0, 4] }),
      STORED,
    );
    expect(empty.byteLength).toBe(0);
    expect(empty.buffer.size).toBe(16);
    store.dispose();
  });

  it('keeps what is read or staged within its bound, and frees the staging when idle', async () => {
    const maxBytesInFlight = 64 * 1024;
    const chunkBytes = 8 * 1024;
    const { source, requests } = checkpoint(24, 5000); // 20,000 bytes each
    const store = new GpuWeightStore(device, { chunkBytes, maxBytesInFlight });
    let reading = 0;
    let mostReading = 0;
    source.onRead = async (start, end) => {
      reading += end - start;
      mostReading = Math.max(mostReading, reading);
      await new Promise((resolve) => setTimeout(resolve, 1));
      reading -= end - start;
    };
    const mixed = requests.map((request, i) => ({
      ...request,
      dtype: i % 3 === 0 ? ('float32' as const) : ('float16' as const),
    }));
    await store.acquireAll(mixed);
    const weightBytes = ledger.bytesOf('weights');
    expect(weightBytes).toBe(store.residentBytes);
    expect(source.longestRead).toBe(chunkBytes);
    expect(mostReading).toBeGreaterThan(chunkBytes);
    expect(mostReading).toBeLessThanOrEqual(maxBytesInFlight);
    expect(store.peakBytesInFlight).toBeGreaterThan(chunkBytes);
    expect(store.peakBytesInFlight).toBeLessThanOrEqual(maxBytesInFlight);
    expect(ledger.peakBytes - weightBytes).toBeLessThanOrEqual(maxBytesInFlight + 16);
    await device.queue.onSubmittedWorkDone();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ledger.bytesOf('other')).toBe(16); // the uniform of the conversion kernel
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('counts what it holds and what it sent', async () => {
    const { requests } = checkpoint(3, 10);
    const store = new GpuWeightStore(device);
    const weights = await store.acquireAll(requests);
    expect(store).toMatchObject({ tensorsResident: 3, residentBytes: 3 * 48, uploadedBytes: 120 });
    for (const weight of weights) store.release(weight);
    expect(store).toMatchObject({ tensorsResident: 0, residentBytes: 0, uploadedBytes: 120 });
    store.dispose();
  });

  it('reports progress in bytes of the checkpoint, up to the total', async () => {
    const { requests } = checkpoint(5, 1000);
    const store = new GpuWeightStore(device, { chunkBytes: 512 });
    await store.acquireAll(requests.slice(0, 1));
    const calls: [number, number][] = [];
    await store.acquireAll(requests, { onProgress: (done, total) => calls.push([done, total]) });
    expect(calls[0]).toEqual([4000, 20_000]);
    expect(calls.at(-1)).toEqual([20_000, 20_000]);
    const done = calls.map(([bytes]) => bytes);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    store.dispose();
  });
});

describe('GpuWeightStore sharing', () => {
  it('loads a weight once for all who acquire it, and frees it with the last release', async () => {
    const { source, requests } = checkpoint(1, 100);
    const store = new GpuWeightStore(device);
    const twice = [...requests, ...requests];
    const [first, again] = await Promise.all([store.acquireAll(twice), store.acquireAll(requests)]);
    const [a, b, c] = [...first, ...again];
    expect(b).toBe(a);
    expect(c).toBe(a);
    expect(source.reads).toBe(1);
    if (a === undefined) throw new Error('no weight');
    store.release(a);
    store.release(a);
    expect(store.residentBytes).toBe(400);
    store.release(a);
    expect(store.residentBytes).toBe(0);
    expect(ledger.liveBytes).toBe(0);
    store.release(a); // too often: ignored
    const anew = await store.acquireAll(requests);
    expect(anew[0]).not.toBe(a);
    expect(source.reads).toBe(2);
    store.dispose();
  });

  it('tells checkpoints, names, formats and layouts apart', async () => {
    const source = new WatchedSource(new Uint8Array(64));
    const entry = tensorEntry(source, 'w', { dtype: 'float32', shape: [4, 4] });
    const other = tensorEntry(source, 'v', { dtype: 'float32', shape: [4, 4] });
    const store = new GpuWeightStore(device);
    const requests: WeightRequest[] = [
      ...FORMS.map((form) => ({ ...form, checkpointId: 'c', entry })),
      { ...STORED, checkpointId: 'd', entry },
      { ...STORED, checkpointId: 'c', entry: other },
    ];
    const weights = await store.acquireAll(requests);
    expect(new Set(weights.map(({ buffer }) => buffer)).size).toBe(6);
    store.releaseCheckpoint('c');
    expect(store.tensorsResident).toBe(1);
    expect(ledger.bytesOf('weights')).toBe(64);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('goes on for one caller when another aborts', async () => {
    const { source, requests } = checkpoint(4, 1000);
    let openGate = () => {};
    const gate = new Promise<void>((resolve) => (openGate = resolve));
    source.onRead = () => gate;
    const store = new GpuWeightStore(device, { chunkBytes: 512 });
    const controller = new AbortController();
    const aborted = store.acquireAll(requests, { signal: controller.signal });
    const kept = store.acquireAll(requests.slice(0, 2));
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(store.tensorsResident).toBe(2);
    openGate();
    expect(await kept).toHaveLength(2);
    expect(ledger.bytesOf('weights')).toBe(8000);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });
});
