/**
 * Many callers at once: weights acquired, released, aborted, failing and running out of memory in
 * random order. Whoever gets a weight gets the right bits, and the books balance at every quiet moment.
 */

import { expect, it } from 'vitest';
import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import type { GpuWeight } from '../../../src/runtime/gpu/weight-slot.ts';
import { isEngineError } from '../../../src/errors.ts';
import { openTestDevice, readBuffer, referenceWeight, seededRandom } from '../../support/gpu.ts';
import { watchedTensors } from '../../support/memory-source.ts';

const [ROWS, COLUMNS] = [23, 31];
const TENSORS = 12;
const FORMS = [
  { dtype: 'float32', layout: 'stored' },
  { dtype: 'float16', layout: 'transposed' },
] as const;

it.each([1, 2, 3])('serves a crowd (seed %i)', async (seed) => {
  const { device, ledger, close } = await openTestDevice();
  const random = seededRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const { raw, source, entries } = watchedTensors(TENSORS, ROWS * COLUMNS);
  const store = new GpuWeightStore(device, { chunkBytes: 700, maxBytesInFlight: 4096 });
  const failure = new Error('a bad sector');
  source.onRead = async () => {
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, pick(3)));
    if (random() < 0.005) throw failure;
  };
  const outcomes = { loaded: 0, aborted: 0, failed: 0, full: 0 };

  async function customer(): Promise<void> {
    const wanted = Array.from({ length: 1 + pick(5) }, () => ({
      index: pick(TENSORS),
      form: FORMS[pick(2)] ?? FORMS[0],
    }));
    const requests = wanted.map(({ index, form }) => {
      const entry = entries[index];
      if (entry === undefined) throw new Error('no such tensor');
      return { checkpointId: 'c', entry: { ...entry, shape: [ROWS, COLUMNS] }, ...form };
    });
    const controller = new AbortController();
    if (random() < 0.3) setTimeout(() => controller.abort(), pick(6));
    let weights: GpuWeight[] = [];
    try {
      weights = await store.acquireAll(requests, { signal: controller.signal });
    } catch (error) {
      if (error === failure) outcomes.failed += 1;
      else if (error === controller.signal.reason) outcomes.aborted += 1;
      else if (isEngineError(error) && error.code === 'out-of-memory') outcomes.full += 1;
      else throw error;
      return;
    }
    outcomes.loaded += 1;
    for (const [i, { index, form }] of wanted.entries()) {
      const weight = weights[i];
      if (weight === undefined) throw new Error('no weight');
      const bytes = ROWS * COLUMNS * 4;
      const stored = raw.slice(index * bytes, (index + 1) * bytes);
      const conversion = { from: 'float32', to: form.dtype, layout: form.layout } as const;
      const expected = referenceWeight(stored, [ROWS, COLUMNS], conversion);
      const actual = await readBuffer(device, weight.buffer);
      expect(Buffer.compare(actual.subarray(0, expected.length), expected)).toBe(0);
    }
    for (const weight of weights) store.release(weight);
  }

  for (let round = 0; round < 12; round++) {
    ledger.failAbove(round % 4 === 3 ? 20_000 : Infinity);
    await Promise.all(Array.from({ length: 8 }, () => customer()));
    expect(store).toMatchObject({ residentBytes: 0, tensorsResident: 0 });
    expect(ledger.bytesOf('weights')).toBe(0);
  }
  expect(store.peakBytesInFlight).toBeLessThanOrEqual(4096);
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(0);
  store.dispose();
  await device.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ledger.liveBytes).toBe(0);
  close();
});
