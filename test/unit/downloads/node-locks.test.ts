/**
 * Locks between processes: one owner at a time, and none for ever.
 */

import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeLocks } from '../../../src/downloads/node-locks.ts';
import { failureOf } from './support.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'locks-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('one holds a lock at a time, whoever asks', async () => {
  let holders = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    holders += 1;
    most = Math.max(most, holders);
    await new Promise((resolve) => setTimeout(resolve, 5));
    holders -= 1;
  };
  await Promise.all([1, 2, 3, 4].map(() => nodeLocks(folder).hold('a', work)));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('locks of other names are free, and a taken one can be left alone', async () => {
  const locks = nodeLocks(folder);
  await locks.hold('a', async () => {
    expect(await locks.hold('b', async () => 'b', { ifFree: true })).toBe('b');
    expect(await locks.hold('a', async () => 'a', { ifFree: true })).toBeUndefined();
    const signal = AbortSignal.timeout(20);
    expect(await failureOf(locks.hold('a', async () => 'a', { signal }))).toBe(signal.reason);
  });
});

test('a failure gives the lock back', async () => {
  const locks = nodeLocks(folder);
  const failure = await failureOf(locks.hold('a', () => Promise.reject(new Error('no'))));
  expect(String(failure)).toContain('no');
  expect(await locks.hold('a', async () => 'free', { ifFree: true })).toBe('free');
});

test('the lock of a process that is gone is free, for one of those who wait', async () => {
  const locks = nodeLocks(folder);
  await locks.hold('a', async () => {
    // What a crash leaves: the file, which nobody touches any more.
    const [file = ''] = await readdir(folder);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(folder, file), longAgo, longAgo);
    const taken = await Promise.all(
      [1, 2, 3].map((i) =>
        nodeLocks(folder).hold(
          'a',
          async () => {
            await new Promise((resolve) => setTimeout(resolve, 20));
            return i;
          },
          { ifFree: true },
        ),
      ),
    );
    expect(taken.filter((i) => i !== undefined)).toHaveLength(1);
  });
});
