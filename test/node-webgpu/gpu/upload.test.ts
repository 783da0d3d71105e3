/**
 * The bounds of an upload, at their edges: what counts as in flight, and what becomes of it when the
 * GPU is slow, the store goes, or an abort comes in the same instant as its turn.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import { UploadBudget } from '../../../src/runtime/gpu/upload-budget.ts';
import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import { openTestDevice } from '../../support/gpu.ts';
import { tensorEntry, WatchedSource, watchedTensors } from '../../support/memory-source.ts';

const HALF = { dtype: 'float16', layout: 'stored' } as const;

describe('UploadBudget', () => {
  const queue = { onSubmittedWorkDone: () => Promise.resolve() } as unknown as GPUQueue;
  const { signal } = new AbortController();

  it('serves in order of asking, and lets one chunk pass that is too large for it', async () => {
    const budget = new UploadBudget(queue, 100);
    const order: string[] = [];
    const first = await budget.reserve(60, signal);
    const large = budget.reserve(300, signal).then((reservation) => {
      order.push('large');
      return reservation;
    });
    const small = budget.reserve(10, signal).then(() => order.push('small'));
    await Promise.resolve();
    expect(budget.bytesInFlight).toBe(60);
    first.sent();
    (await large).cancel();
    await small;
    expect(order).toEqual(['large', 'small']);
    expect(budget.bytesInFlight).toBe(10);
  });

  it('takes back what was granted in the instant of the abort', async () => {
    const budget = new UploadBudget(queue, 100);
    const first = await budget.reserve(100, signal);
    const controller = new AbortController();
    const aborted = budget.reserve(50, controller.signal);
    const next = budget.reserve(100, signal);
    first.cancel();
    controller.abort();
    await expect(aborted).rejects.toBe(controller.signal.reason);
    (await next).cancel();
    expect(budget.bytesInFlight).toBe(0);
  });

  it('forgets a waiter that aborts', async () => {
    const budget = new UploadBudget(queue, 100);
    const first = await budget.reserve(100, signal);
    const controller = new AbortController();
    const aborted = budget.reserve(50, controller.signal);
    const next = budget.reserve(60, signal);
    controller.abort();
    await expect(aborted).rejects.toBe(controller.signal.reason);
    first.cancel();
    await next;
    expect(budget.bytesInFlight).toBe(60);
  });
});

describe('uploads', () => {
  let device: GPUDevice;
  let ledger: GpuLedger;
  let close: () => void;

  beforeEach(async () => {
    ({ device, ledger, close } = await openTestDevice());
  });

  afterEach(() => close());

  /** Holds back `onSubmittedWorkDone`, as a GPU that has much to do. */
  function slowGpu(): { catchUp: () => void } {
    const { queue } = device;
    let catchUp = () => {};
    const gate = new Promise<void>((resolve) => (catchUp = resolve));
    queue.onSubmittedWorkDone = async () => {
      await gate;
      return GPUQueue.prototype.onSubmittedWorkDone.call(queue);
    };
    return { catchUp };
  }

  const tick = (milliseconds = 10) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  it('count a chunk and its staging buffer as in flight', async () => {
    const { entries } = watchedTensors(1, 4096);
    const store = new GpuWeightStore(device, { chunkBytes: 8192, maxBytesInFlight: 65536 });
    for (const entry of entries) await store.acquire('c', entry, HALF);
    expect(store.peakBytesInFlight).toBe(2 * (8192 + 8192));
    store.dispose();
  });

  it('stop reading while the GPU does not keep up', async () => {
    const { source, entries } = watchedTensors(20, 256);
    const { catchUp } = slowGpu();
    const store = new GpuWeightStore(device, { chunkBytes: 1024, maxBytesInFlight: 8192 });
    const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...HALF }));
    const loading = store.acquireAll(requests);
    await vi.waitFor(() => expect(source.reads).toBe(4), 10_000); // with as much staging each
    await tick();
    expect(source.reads).toBe(4);
    catchUp();
    await loading;
    expect(source.reads).toBe(20);
    store.dispose();
    expect(ledger.liveBytes).toBe(0);
  });

  it('free staging that comes back after the store is gone', async () => {
    const { source, entries } = watchedTensors(3, 256);
    const { catchUp } = slowGpu();
    const store = new GpuWeightStore(device);
    const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...HALF }));
    const loading = store.acquireAll(requests);
    await vi.waitFor(() => expect(source.reads).toBe(3), 10_000);
    await tick();
    store.dispose();
    await expect(loading).rejects.toThrow(/disposed/);
    expect(ledger.liveBytes).toBeGreaterThan(0); // the GPU still reads from it
    catchUp();
    await tick();
    expect(ledger.liveBytes).toBe(0);
  });

  it('do not hand out a weight whose checkpoint was released while the GPU caught up', async () => {
    const { source, entries } = watchedTensors(1, 256);
    const { catchUp } = slowGpu();
    const store = new GpuWeightStore(device);
    const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...HALF }));
    const loading = store.acquireAll(requests);
    await vi.waitFor(() => expect(source.reads).toBe(1), 10_000);
    await tick();
    store.releaseCheckpoint('c');
    catchUp();
    await expect(loading).rejects.toThrow(/released/);
    store.dispose();
  });

  it('do not wait for the GPU when everything is there already', async () => {
    const { entries } = watchedTensors(2, 256);
    const store = new GpuWeightStore(device);
    const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...HALF }));
    await store.acquireAll(requests);
    slowGpu();
    expect(await store.acquireAll(requests)).toHaveLength(2);
    store.dispose();
  });

  it('destroy idle staging of other sizes rather than exceed the bound', async () => {
    const maxBytesInFlight = 4096;
    const store = new GpuWeightStore(device, { maxBytesInFlight });
    const never = new WatchedSource(new Uint8Array(4));
    never.onRead = () => new Promise(() => {});
    // Keeps the store busy, so that it does not drop its staging between the batches.
    const scalar = tensorEntry(never, 'never', { dtype: 'float32', shape: [1] });
    const endless = store.acquire('busy', scalar, { dtype: 'float32', layout: 'stored' });
    for (const bytes of [600, 300, 140]) {
      const { entries } = watchedTensors(6, bytes / 4);
      const requests = entries.map((entry) => ({ checkpointId: `${bytes}`, entry, ...HALF }));
      await store.acquireAll(requests);
    }
    const mostStaging = ledger.peakBytes - ledger.bytesOf('weights');
    expect(mostStaging).toBeLessThanOrEqual(maxBytesInFlight + 16);
    store.dispose();
    await expect(endless).rejects.toThrow(/disposed/);
    expect(ledger.liveBytes).toBe(0);
  });

  it('fail when the queue itself has no memory for what is written', async () => {
    const { entries } = watchedTensors(1, 256);
    const store = new GpuWeightStore(device);
    let scopes = 0;
    const popErrorScope = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      const error = await popErrorScope();
      scopes += 1;
      return scopes === 2 ? new GPUOutOfMemoryError('no room to stage') : error; // the first write's
    };
    const plain = { dtype: 'float32', layout: 'stored' } as const;
    const requests = entries.map((entry) => ({ checkpointId: 'c', entry, ...plain }));
    await expect(store.acquireAll(requests)).rejects.toMatchObject({
      code: 'out-of-memory',
      detail: { tensor: 't0', residentBytes: 0 },
    });
    expect(ledger.liveBytes).toBe(0);
    store.dispose();
  });
});
