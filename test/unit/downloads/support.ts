/**
 * What the tests of downloads share: a hostile server, stores in folders of their own, a clock that does not wait.
 */

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Clock } from '../../../src/downloads/clock.ts';
import type { DownloadStore } from '../../../src/downloads/download-store.ts';
import { openNodeStore, type NodeStoreOptions } from '../../../src/downloads/node-file-store.ts';
import type { ByteSource } from '../../../src/weights/checkpoint.ts';
import { HostileServer } from '../../support/hostile-server.ts';
import { patternBytes } from '../../support/pattern-bytes.ts';

/** A clock that notes how long it was asked to wait, and does not. So much goes by that every report is sent. */
export class TestClock implements Clock {
  /** Milliseconds of each wait, in order. */
  readonly waits: number[] = [];
  #now = 0;

  now(): number {
    return (this.#now += 100);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.waits.push(milliseconds);
    this.#now += milliseconds;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

/** What a test gets to work with. */
export type Scene = {
  readonly server: HostileServer;
  readonly clock: TestClock;
  /** The folder of the stores of this test. */
  readonly folder: string;
  /** Opens a store over the folder, as another tab or a later session would. */
  readonly open: (options?: NodeStoreOptions) => DownloadStore;
};

/** Starts a server for the tests of a file, and gives every test a folder and a clock of its own. */
export function useScene(): () => Scene {
  let server: HostileServer | undefined;
  const folders: string[] = [];
  beforeAll(async () => {
    server = await HostileServer.start();
  });
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error('the server has not started');
    const clock = new TestClock();
    const folder = join(
      tmpdir(),
      `downloads-${process.pid}-${Math.random().toString(36).slice(2)}`,
    );
    folders.push(folder);
    const open = (options: NodeStoreOptions = {}): DownloadStore =>
      openNodeStore(folder, { clock, hubs: server?.origins ?? [], ...options });
    return { server, clock, folder, open };
  };
}

/** By Node's own library, in hexadecimal. */
function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of a file of the server. */
export function sha256OfPattern(size: number, seed = 1): string {
  return sha256(patternBytes(size, seed));
}

/** SHA-256 of everything in a source. */
export async function sha256OfSource(source: ByteSource): Promise<string> {
  return sha256(await source.read(0, source.size));
}

/** What a promise is rejected with; fails when it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}
