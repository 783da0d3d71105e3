/**
 * What happens when weights cannot be loaded: aborted, broken, too large, out of memory, device lost.
 * Every test ends with nothing held.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestGpuDevice } from '../../../src/runtime/gpu/device.ts';
import type { GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import { nullGpu } from '../../support/dawn.ts';
import { openTestDevice, readBuffer } from '../../support/gpu.ts';
import { tensorEntry, WatchedSource, watchedTensors } from '../../support/memory-source.ts';

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

describe('GpuWeightStore failing', () => {
  it('aborts in the middle, with the reason, and leaves nothing behind', async () => {
    const { raw, source, requests } = checkpoint(6, 4000);
    const store = new GpuWeightStore(device, { chunkBytes: 1024 });
    const controller = new AbortController();
    const reason = new Error('enough');
    source.onRead = () => {
      if (source.reads === 20) controller.abort(reason);
    };
    const half = requests.map((request) => ({ ...request, dtype: 'float16' as const }));
    const all = store.acquireAll(half, { signal: controller.signal });
    await expect(all).rejects.toBe(reason);
    expect(store).toMatchObject({ residentBytes: 0, tensorsResident: 0 });
    expect(ledger.bytesOf('weights')).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(source.reads).toBeLessThan(24 + 4);
    // The next load starts from nothing.
    const [weight] = await store.acquireAll(requests);
    if (weight === undefined) throw new Error('no weight');
    expect(Buffer.compare(await readBuffer(device, weight.buffer), raw.subarray(0, 16_000))).toBe(
      0,
    );
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('does not begin when the signal is aborted already', async () => {
    const { source, requests } = checkpoint(1, 10);
    const store = new GpuWeightStore(device);
    const signal = AbortSignal.abort();
    await expect(store.acquireAll(requests, { signal })).rejects.toBe(signal.reason);
    expect(source.reads).toBe(0);
    store.dispose();
  });

  it('does not wait for a read that never ends', async () => {
    const { source, requests } = checkpoint(2, 10);
    source.onRead = () => new Promise(() => {});
    const store = new GpuWeightStore(device);
    const signal = AbortSignal.timeout(20);
    await expect(store.acquireAll(requests, { signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(ledger.liveBytes).toBe(0);
    store.dispose();
  });

  it('passes on what the source says, and refuses short reads', async () => {
    const { source, requests } = checkpoint(3, 1000);
    const store = new GpuWeightStore(device, { chunkBytes: 1024 });
    const held = await store.acquireAll(requests.slice(0, 1));
    const broken = new Error('the disk is gone');
    source.onRead = (start) => {
      if (start >= 9000) throw broken;
    };
    await expect(store.acquireAll(requests)).rejects.toBe(broken);
    expect(store.residentBytes).toBe(held[0]?.buffer.size);
    const short = tensorEntry(new WatchedSource(new Uint8Array(10)), 's', {
      dtype: 'float32',
      shape: [3],
    });
    await expect(store.acquire('c', short, STORED)).rejects.toMatchObject({
      code: 'model-malformed',
    });
    expect(store.tensorsResident).toBe(1);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('says at once which weight the memory was not enough for, and keeps what was held', async () => {
    const { source, requests } = checkpoint(10, 4000);
    const store = new GpuWeightStore(device, { chunkBytes: 4000 });
    const held = await store.acquireAll(requests.slice(0, 2));
    const reads = source.reads;
    ledger.failAbove(6 * 16_000);
    await expect(store.acquireAll(requests)).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining('"t6" of 16000 bytes') as string,
      detail: { tensor: 't6', bytes: 16_000, residentBytes: 6 * 16_000 },
    });
    expect(source.reads - reads).toBeLessThanOrEqual(4); // of 32 reads: the first of each lane
    expect(store.residentBytes).toBe(2 * 16_000);
    expect(ledger.liveBytes).toBe(2 * 16_000);
    // What was held is still whole, and there is room for more again.
    await store.acquireAll(requests.slice(0, 6));
    for (const weight of held) store.release(weight);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('understands how Dawn itself reports that memory is out', async () => {
    // The null backend has half a gigabyte.
    const { device: small } = await requestGpuDevice(await nullGpu(), { allowSoftware: true });
    const store = new GpuWeightStore(small);
    const bytes = 100 * 2 ** 20;
    const read = (start: number, end: number) => Promise.resolve(new Uint8Array(end - start));
    const source = { name: 'zeros', size: 8 * bytes, read };
    const requests = Array.from({ length: 8 }, (_, i) => ({
      ...STORED,
      checkpointId: 'c',
      entry: tensorEntry(source, `t${i}`, { dtype: 'float32', shape: [bytes / 4] }),
    }));
    await expect(store.acquireAll(requests)).rejects.toMatchObject({
      code: 'out-of-memory',
      detail: { tensor: 't5', residentBytes: 5 * bytes },
    });
    expect(store.residentBytes).toBe(0);
    store.dispose();
    small.destroy();
  });

  it('runs out of memory for staging as well', async () => {
    const { requests } = checkpoint(1, 4000);
    const store = new GpuWeightStore(device);
    const half = requests.map((request) => ({ ...request, dtype: 'float16' as const }));
    ledger.failAbove(8000 + 16 + 1000);
    await expect(store.acquireAll(half)).rejects.toMatchObject({
      code: 'out-of-memory',
      detail: { tensor: 't0' },
    });
    expect(ledger.bytesOf('weights')).toBe(0);
    ledger.failAbove(Infinity);
    await store.acquireAll(half);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('reports a device that is lost in the middle of a load, and afterwards', async () => {
    const { source, requests } = checkpoint(6, 4000);
    const store = new GpuWeightStore(device, { chunkBytes: 1024 });
    source.onRead = () => {
      if (source.reads === 20) device.destroy();
    };
    const lost = { name: 'EngineError', code: 'device-lost' };
    await expect(store.acquireAll(requests)).rejects.toMatchObject(lost);
    await expect(store.acquireAll(requests)).rejects.toMatchObject(lost);
    expect(store).toMatchObject({ residentBytes: 0, tensorsResident: 0 });
    store.dispose();
  });

  it('reports a device that is lost while reading', async () => {
    const { source, requests } = checkpoint(1, 10);
    const store = new GpuWeightStore(device);
    source.onRead = () => new Promise(() => {});
    const loading = store.acquireAll(requests);
    setTimeout(() => device.destroy(), 10);
    await expect(loading).rejects.toMatchObject({ code: 'device-lost' });
  });

  it('stops loading when it is disposed, or its checkpoint is released', async () => {
    const { source, requests } = checkpoint(6, 4000);
    const store = new GpuWeightStore(device, { chunkBytes: 1024 });
    source.onRead = () => {
      if (source.reads === 10) store.releaseCheckpoint('c');
      if (source.reads === 30) store.dispose();
    };
    await expect(store.acquireAll(requests)).rejects.toMatchObject({ name: 'AbortError' });
    expect(ledger.bytesOf('weights')).toBe(0);
    await expect(store.acquireAll(requests)).rejects.toThrow(/disposed/);
    await expect(store.acquireAll(requests)).rejects.toThrow(/disposed/);
    expect(ledger.liveBytes).toBe(0);
  });

  it('refuses what no buffer of the device can hold, naming the limit', async () => {
    close();
    await open('default');
    const store = new GpuWeightStore(device);
    const source = new WatchedSource(new Uint8Array(0));
    const entry = (elements: number) =>
      tensorEntry(source, 'big', { dtype: 'float16', shape: [elements] });
    const refused = (limit: string) => ({ code: 'unsupported', detail: { tensor: 'big', limit } });
    await expect(store.acquire('c', entry(2 ** 25 + 8), STORED)).rejects.toMatchObject(
      refused('maxStorageBufferBindingSize'),
    );
    await expect(store.acquire('c', entry(2 ** 26 + 8), STORED)).rejects.toMatchObject(
      refused('maxBufferSize'),
    );
    expect(source.reads).toBe(0);
    expect(ledger.peakBytes).toBe(0);
    store.dispose();
  });

  it('refuses tensors that are no matrix to transpose, or not as long as their shape', async () => {
    const source = new WatchedSource(new Uint8Array(72));
    const cube = tensorEntry(source, 'w', { dtype: 'float32', shape: [2, 3, 3] });
    const store = new GpuWeightStore(device);
    const form = { dtype: 'float32', layout: 'transposed' } as const;
    await expect(store.acquire('c', cube, form)).rejects.toMatchObject({
      code: 'weights-mismatch',
    });
    const wrong = { ...cube, byteLength: 70 };
    await expect(store.acquire('c', wrong, STORED)).rejects.toMatchObject({
      code: 'model-malformed',
    });
    expect(() => new GpuWeightStore(device, { chunkBytes: 2 })).toThrow(/too small/);
    store.dispose();
  });
});
