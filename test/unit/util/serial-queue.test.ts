/**
 * Tasks one after another, whatever becomes of them.
 */

import { describe, expect, test } from 'vitest';
import { SerialQueue } from '../../../src/util/serial-queue.ts';

const soon = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

describe('a serial queue', () => {
  test('runs one task at a time, in the order given', async () => {
    const queue = new SerialQueue();
    const events: string[] = [];
    const task = (name: string, milliseconds: number) =>
      queue.run(async () => {
        events.push(`${name} starts`);
        await soon(milliseconds);
        events.push(`${name} ends`);
        return name;
      });
    expect(await Promise.all([task('a', 20), task('b', 1), task('c', 5)])).toEqual(['a', 'b', 'c']);
    expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });

  test('goes on after a failure, which only its own caller sees', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => Promise.reject(new Error('no')));
    const thrown = queue.run(() => {
      throw new Error('not even a promise');
    });
    const next = queue.run(() => Promise.resolve('yes'));
    await expect(failed).rejects.toThrow('no');
    await expect(thrown).rejects.toThrow('not even a promise');
    await expect(next).resolves.toBe('yes');
  });

  test('never starts a task whose signal was aborted while it waited', async () => {
    const queue = new SerialQueue();
    const controller = new AbortController();
    let isStarted = false;
    const first = queue.run(() => soon(10));
    const second = queue.run(() => {
      isStarted = true;
      return Promise.resolve();
    }, controller.signal);
    const third = queue.run(() => Promise.resolve('third'));
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    await expect(third).resolves.toBe('third');
    await first;
    expect(isStarted).toBe(false);
  });

  test('starts nothing before the caller goes on', () => {
    const queue = new SerialQueue();
    let isStarted = false;
    void queue.run(() => {
      isStarted = true;
      return Promise.resolve();
    });
    expect(isStarted).toBe(false);
  });
});
