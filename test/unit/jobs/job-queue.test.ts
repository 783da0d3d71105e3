/**
 * The queue under a clock and a storage that the tests control.
 */

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { JobQueue, type JobQueueOptions } from '../../../src/jobs/job-queue.ts';
import { memoryStorage } from '../../../src/jobs/memory-storage.ts';
import type { JobStorage } from '../../../src/jobs/storage.ts';
import { fakeClock, settled } from '../../support/fake-clock.ts';
import { manualTask, textFile } from './support.ts';

const DAY = 24 * 60 * 60 * 1000;

function open(options: Partial<JobQueueOptions> = {}) {
  const clock = fakeClock();
  const storage = memoryStorage();
  const queue = new JobQueue({ storage, clock, ...options });
  return { clock, storage, queue };
}

async function idOf(accepted: ReturnType<JobQueue['submit']>): Promise<number> {
  const { id } = (await accepted) ?? { id: NaN };
  return id;
}

describe('a queue', () => {
  test('runs one job at a time, first come first served', async () => {
    const { queue } = open();
    const tasks = [manualTask(), manualTask(), manualTask()] as const;
    const ids = await Promise.all(tasks.map((task) => idOf(queue.submit(task))));
    await settled();
    expect(ids).toEqual([1, 2, 3]);
    expect(tasks.map((task) => task.started()?.id)).toEqual([1, undefined, undefined]);
    expect((await queue.find(2))?.state).toBe('queued');
    tasks[0].finish();
    await settled();
    expect(tasks.map((task) => task.started()?.id)).toEqual([1, 2, undefined]);
    tasks[1].fail(new EngineError('unsupported', 'no such thing'));
    await settled();
    expect(tasks[2].started()?.id).toBe(3);
    const states = await Promise.all(ids.map(async (id) => (await queue.find(id))?.state));
    expect(states).toEqual(['success', 'failed', 'processing']);
    expect((await queue.find(2))?.message).toBe('no such thing');
  });

  test('keeps the files of a job, and gives them by name', async () => {
    const { queue, clock } = open();
    const task = manualTask();
    const accepted = await queue.submit(task);
    await clock.advance(2500);
    task.finish([textFile('a.png', 'A'), textFile('b.png', 'B')]);
    const { job } = (await accepted?.ended) ?? {};
    expect(job).toMatchObject({ state: 'success', files: ['a.png', 'b.png'], seconds: 2.5 });
    expect(await (await queue.file('b.png'))?.text()).toBe('B');
    expect(await queue.file('c.png')).toBe(undefined);
  });

  test('tells what is left, from estimates and from what the running job says', async () => {
    const { queue, clock } = open();
    const first = manualTask(10);
    await queue.submit(first);
    await queue.submit(manualTask(20));
    await queue.submit(manualTask(5));
    await settled();
    expect([queue.eta(1), queue.eta(2), queue.eta(3)]).toEqual([10, 30, 35]);
    expect([queue.length, queue.secondsLeft]).toEqual([3, 35]);
    await clock.advance(4000);
    expect([queue.eta(1), queue.eta(3)]).toEqual([6, 31]);
    first.started()?.tell(60);
    await clock.advance(1000);
    expect([queue.eta(1), queue.eta(3)]).toEqual([59, 84]);
    await clock.advance(100_000);
    expect([queue.eta(1), queue.eta(2), queue.eta(99)]).toEqual([0, 20, 0]);
  });

  test('refuses a job when as many wait as may', async () => {
    const { queue } = open({ maxWaiting: 2 });
    const accepted = await Promise.all(Array.from({ length: 5 }, () => queue.submit(manualTask())));
    expect(accepted.map((one) => one?.id)).toEqual([1, 2, 3, undefined, undefined]);
    await queue.cancel(3);
    expect(await idOf(queue.submit(manualTask()))).toBe(4);
  });
});

describe('a cancelled job', () => {
  test('that waits never starts', async () => {
    const { queue } = open();
    const [first, second] = [manualTask(), manualTask()];
    await queue.submit(first);
    const accepted = await queue.submit(second);
    expect(await queue.cancel(2)).toMatchObject({ state: 'cancelled', message: 'cancelled' });
    expect((await accepted?.ended)?.job.state).toBe('cancelled');
    first.finish();
    await settled();
    expect(second.started()).toBe(undefined);
    expect(queue.length).toBe(0);
  });

  test('that runs is aborted, stays cancelled, and the next one starts when it has let go', async () => {
    const { queue } = open();
    const [first, second] = [manualTask(), manualTask()];
    await queue.submit(first);
    await queue.submit(second);
    await settled();
    const signal = first.started()?.signal;
    expect((await queue.cancel(1))?.state).toBe('cancelled');
    expect(signal?.aborted).toBe(true);
    await settled();
    expect((await queue.find(1))?.state).toBe('cancelled');
    expect(second.started()?.id).toBe(2);
    expect((await queue.cancel(1))?.state).toBe('cancelled');
    expect(await queue.cancel(99)).toBe(undefined);
  });

  test('by another queue over the same storage gives no files', async () => {
    const storage = memoryStorage();
    const isAlive = (): Promise<boolean> => Promise.resolve(true);
    const mine = new JobQueue({ storage, presence: { owner: 'mine', isAlive } });
    const other = new JobQueue({ storage, presence: { owner: 'other', isAlive } });
    const task = manualTask();
    const accepted = await mine.submit(task);
    await settled();
    expect((await other.find(1))?.state).toBe('processing');
    await other.cancel(1);
    task.finish([textFile('a.png')]);
    expect((await accepted?.ended)?.job.state).toBe('cancelled');
    expect(await mine.file('a.png')).toBe(undefined);
  });

  test('is any of the queue when that is cleared', async () => {
    const { queue } = open();
    await queue.submit(manualTask());
    await queue.submit(manualTask());
    await queue.clear();
    await settled();
    expect(queue.length).toBe(0);
    expect((await queue.find(1))?.state).toBe('cancelled');
    expect((await queue.find(2))?.state).toBe('cancelled');
  });
});

describe('after a reload', () => {
  test('jobs that were done are there, and others have failed with a word', async () => {
    const { queue, storage } = open();
    const done = manualTask();
    await queue.submit(done);
    done.finish([textFile('a.png')]);
    await settled();
    await queue.submit(manualTask());
    await queue.submit(manualTask());
    await settled();
    const again = new JobQueue({ storage });
    expect(await again.find(1)).toMatchObject({ state: 'success', files: ['a.png'] });
    for (const id of [2, 3]) {
      const job = await again.find(id);
      expect(job?.state).toBe('failed');
      expect(job?.message).toMatch(/interrupted.*reloaded/);
    }
    expect(await idOf(again.submit(manualTask()))).toBe(4);
  });

  test('jobs of a tab that still lives go on', async () => {
    const { queue, storage } = open({ presence: presence('a') });
    await queue.submit(manualTask());
    await settled();
    expect((await new JobQueue({ storage, presence: presence('b') }).find(1))?.state).toBe(
      'processing',
    );
    expect((await new JobQueue({ storage, presence: presence('c', false) }).find(1))?.state).toBe(
      'failed',
    );
  });
});

describe('jobs that are over', () => {
  test('are dropped after a day when they are temporary', async () => {
    const { queue, clock } = open();
    const [brief, lasting] = [manualTask(1, { isTemporary: true }), manualTask(1)];
    await queue.submit(brief);
    await queue.submit(lasting);
    brief.finish([textFile('brief.png')]);
    lasting.finish([textFile('lasting.png')]);
    await clock.advance(DAY - 1);
    expect((await queue.find(1))?.files).toEqual(['brief.png']);
    await clock.advance(1);
    expect(await queue.find(1)).toBe(undefined);
    expect(await queue.file('brief.png')).toBe(undefined);
    expect((await queue.find(2))?.files).toEqual(['lasting.png']);
  });

  test('are kept up to a number, the newest ones', async () => {
    const { queue } = open({ maxKept: 2 });
    for (let i = 1; i <= 4; i++) {
      const task = manualTask();
      await queue.submit(task);
      task.finish([textFile(`${i}.png`)]);
      await settled();
    }
    const found = await Promise.all([1, 2, 3, 4].map((id) => queue.find(id)));
    expect(found.map((job) => job?.id)).toEqual([undefined, undefined, 3, 4]);
    expect(await queue.file('2.png')).toBe(undefined);
  });

  test('are forgotten when asked to be, and uploads like them; those that run are not', async () => {
    const { queue } = open();
    const id = await queue.keep([textFile('up.png')], { note: {} });
    expect(await queue.find(id)).toMatchObject({ state: 'success', files: ['up.png'] });
    expect(await queue.remove(id)).toBe(true);
    expect(await queue.file('up.png')).toBe(undefined);
    expect(await queue.remove(id)).toBe(false);
    await queue.submit(manualTask());
    expect(await queue.remove(id + 1)).toBe(false);
  });
});

describe('a storage that fails', () => {
  const broken = (part: 'nextId' | 'jobs' | 'files'): JobStorage => {
    const storage = memoryStorage();
    const fail = (): Promise<never> => Promise.reject(new Error('disk full'));
    return part === 'nextId'
      ? { ...storage, nextId: fail }
      : { ...storage, [part]: { ...storage[part], set: fail } };
  };

  test.each(['nextId', 'jobs'] as const)('at %s refuses the job', async (part) => {
    const { queue } = open({ storage: broken(part) });
    await expect(queue.submit(manualTask())).rejects.toThrow('could not be stored: disk full');
    expect(queue.length).toBe(0);
    await expect(queue.keep([textFile('a.png')], { note: {} })).rejects.toThrow('disk full');
  });

  test('at a file fails the job with the reason', async () => {
    const { queue } = open({ storage: broken('files') });
    const task = manualTask();
    const accepted = await queue.submit(task);
    task.finish([textFile('a.png')]);
    const { job } = (await accepted?.ended) ?? {};
    expect(job).toMatchObject({ state: 'failed' });
    expect(job?.message).toContain('disk full');
  });

  test('after a job was accepted loses nothing in this process', async () => {
    const storage = memoryStorage();
    let isBroken = false;
    const flaky: JobStorage = {
      ...storage,
      jobs: {
        ...storage.jobs,
        set: (id, record) =>
          isBroken ? Promise.reject(new Error('gone')) : storage.jobs.set(id, record),
      },
    };
    const { queue } = open({ storage: flaky });
    const task = manualTask();
    await queue.submit(task);
    isBroken = true;
    task.finish([textFile('a.png')]);
    await settled();
    expect(await queue.find(1)).toMatchObject({ state: 'success', files: ['a.png'] });
  });
});

function presence(owner: string, isAlive = true) {
  return { owner, isAlive: () => Promise.resolve(isAlive) };
}
