/**
 * Locks between the stores of one process and of other processes on the same machine, for Node.
 *
 * A lock is a file that only one can create, and whose owner touches it as long as it works. One that was
 * not touched for a while belongs to a process that is gone.
 */

import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { systemClock } from './clock.ts';
import type { Locks } from './locks.ts';

/** Milliseconds between two looks at a lock that somebody has. */
const LOOK_EVERY_MS = 50;

/** Milliseconds between two touches by the owner. */
const TOUCH_EVERY_MS = 2000;

/** Milliseconds without a touch after which the owner is gone. */
const ABANDONED_AFTER_MS = 15_000;

/** Locks as files in `folder`, which comes into being with the first one. */
export function nodeLocks(folder: string): Locks {
  return {
    async hold(name, work, { signal, ifFree = false } = {}) {
      signal?.throwIfAborted();
      await mkdir(folder, { recursive: true });
      const file = join(folder, createHash('sha256').update(name).digest('hex'));
      while (!(await take(file))) {
        if (ifFree) return undefined;
        await systemClock.sleep(LOOK_EVERY_MS, signal);
      }
      const touch = (): void => {
        const now = new Date();
        utimes(file, now, now).catch(() => undefined);
      };
      const timer = setInterval(touch, TOUCH_EVERY_MS);
      try {
        return await work();
      } finally {
        clearInterval(timer);
        await rm(file, { force: true });
      }
    },
  };
}

/** Creates the lock file; false when somebody has it. */
async function take(file: string): Promise<boolean> {
  if (await create(file)) return true;
  if (!(await isAbandoned(file))) return false;
  // Two may find it abandoned at once: whoever moves it away looks again at what was moved, and puts back
  // what the other one has made in the meantime.
  const aside = `${file}.${process.pid}.${Math.random()}`;
  await rename(file, aside).catch(() => undefined);
  if (await isAbandoned(aside)) await rm(aside, { force: true });
  else await rename(aside, file).catch(() => undefined);
  return create(file);
}

async function create(file: string): Promise<boolean> {
  try {
    await writeFile(file, '', { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  const stats = await stat(file).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_AFTER_MS;
}
