/**
 * Downloads onto a disk that is full, that cannot move files, or whose machine goes down at any moment.
 */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DownloadStore } from '../../../src/downloads/download-store.ts';
import { nodeFolder } from '../../../src/downloads/node-file-store.ts';
import { nodeLocks } from '../../../src/downloads/node-locks.ts';
import type { OpenFile, StoreFolder } from '../../../src/downloads/storage.ts';
import { memoryTokens } from '../../../src/downloads/tokens.ts';
import { failureOf, sha256OfPattern, sha256OfSource, useScene, type Scene } from './support.ts';

const scene = useScene();
const size = 300_000;
const sha256 = sha256OfPattern(size);

/** What happens instead of an operation, by throwing: its name, and the bytes it was to write. */
type Before = (what: string, bytes: number) => void;

/** `object` with every call of a method announced to `before`. */
function watchedObject<T extends object>(object: T, before: Before): T {
  return new Proxy(object, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const [first] = args;
        before(String(name), first instanceof Uint8Array ? first.length : 0);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** A folder whose every operation, and every one of its files, is announced to `before`. */
function watched(folder: StoreFolder, before: Before): StoreFolder {
  const open = async (path: string): Promise<OpenFile> => {
    const file = await folder.open(path);
    // A machine that goes down closes all files.
    const isClose = (what: string): boolean => what === 'close';
    return watchedObject(file, (what, bytes) => isClose(what) || before(what, bytes));
  };
  return watchedObject({ ...folder, open }, before);
}

function openOver(
  { folder, clock }: Scene,
  wrap: (plain: StoreFolder) => StoreFolder,
): DownloadStore {
  return new DownloadStore({
    folder: wrap(nodeFolder(folder)),
    locks: nodeLocks(join(folder, '.downloads', 'locks')),
    tokens: memoryTokens(),
    clock,
  });
}

/** A store on a machine whose power goes after so many operations. */
function crashing(here: Scene, last: number): DownloadStore {
  let count = 0;
  return openOver(here, (plain) =>
    watched(plain, () => {
      count += 1;
      if (count > last) throw new Error('power cut');
    }),
  );
}

describe('a machine that goes down', () => {
  test('at any moment leaves the file whole or absent, and little to do over', async () => {
    const here = scene();
    const { server } = here;
    let moments = 0;
    for (let last = 1; ; last += 1) {
      const path = `crash-${last}`;
      const url = server.host('crash', { size });
      const outcome = await crashing(here, last)
        .download({ url, path, sha256 })
        .catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
      moments += 1;
      expect(String(outcome)).toContain('power cut');
      const after = here.open();
      const found = await after.get(path);
      expect([undefined, sha256]).toContain(found && (await sha256OfSource(found)));
      const source = await after.download({ url, path, sha256 });
      expect(await sha256OfSource(source)).toBe(sha256);
      // Nothing that reached the disk is fetched again; what was on its way to it may be.
      expect(server.sent('crash')).toBeLessThanOrEqual(2 * size);
      await after.delete(path);
    }
    expect(moments).toBeGreaterThan(20);
  });

  test('while a file replaces another one leaves one of the two, or none', async () => {
    const here = scene();
    const { server } = here;
    const path = 'replaced';
    const old = {
      url: server.host('old', { size, seed: 2 }),
      path,
      sha256: sha256OfPattern(size, 2),
    };
    for (let last = 1; ; last += 1) {
      await here.open().download(old);
      const url = server.host('new', { size });
      const outcome = await crashing(here, last)
        .download({ url, path, sha256 })
        .catch((error: unknown) => error);
      const found = await here.open().get(path);
      const digest = found && (await sha256OfSource(found));
      const [listed] = await here.open().list();
      expect([sha256, old.sha256, undefined]).toContain(digest);
      expect(listed?.state === 'whole' ? listed.sha256 : undefined).toBe(digest);
      if (!(outcome instanceof Error)) break;
      expect(await sha256OfSource(await here.open().download({ url, path, sha256 }))).toBe(sha256);
    }
  });
});

describe('a place that cannot move files', () => {
  const unmoving = (plain: StoreFolder): StoreFolder => ({ ...plain, move: async () => false });

  test('has them whole all the same, and replaces them', async () => {
    const here = scene();
    const open = (): DownloadStore => openOver(here, unmoving);
    const url = here.server.host('still', { size });
    await open().download({ url, path: 'still', sha256 });
    expect(await sha256OfSource((await open().get('still'))!)).toBe(sha256);
    expect(await open().list()).toMatchObject([{ state: 'whole', bytes: size }]);
    const other = here.server.host('other', { size, seed: 2, stalls: 1 });
    const wanted = { url: other, path: 'still', sha256: sha256OfPattern(size, 2) };
    const stop = new AbortController();
    const onProgress = ({ received }: { received: number }): void => {
      if (received === size / 2) stop.abort();
    };
    await failureOf(open().download(wanted, { signal: stop.signal, onProgress }));
    expect(await open().list()).toMatchObject([{ state: 'part', bytes: size / 2 }]);
    expect(await sha256OfSource(await open().download(wanted))).toBe(wanted.sha256);
    await open().delete('still');
    expect(await open().list()).toEqual([]);
  });
});

describe('a disk without room', () => {
  const withRoom =
    (free: number | undefined) =>
    (plain: StoreFolder): StoreFolder => ({
      ...plain,
      space: async () => ({ free, persisted: false }),
    });

  test('is told before the download, with what could be deleted', async () => {
    const here = scene();
    for (const [path, bytes] of Object.entries({ 'a/small': 1500, 'b/large': 90_000 })) {
      await here.open().download({ url: here.server.host(path, { size: bytes }), path });
    }
    const url = here.server.host('big', { size: 30_000_000 });
    const store = openOver(here, withRoom(100_000));
    const failure = await failureOf(store.download({ url, path: 'c/big' }));
    expect(failure).toMatchObject({
      code: 'storage-full',
      detail: { needed: 30_000_000, free: 100_000 },
    });
    expect((failure as Error).message).toBe(
      'c/big needs 30 MB more on disk, but only 100 kB may be written here. Room could be made by deleting ' +
        'b/large (90 kB), a/small (2 kB), or other files on this disk.',
    );
    expect(here.server.sent('big')).toBeLessThan(30_000_000);
    expect((await store.list()).map(({ path }) => path)).toEqual(['a/small', 'b/large']);
  });

  test('counts what other downloads under way will take', async () => {
    const here = scene();
    const store = openOver(here, withRoom(400_000));
    const first = here.server.host('first', { size, stalls: 1 });
    const stop = new AbortController();
    const download = store.download({ url: first, path: 'first' }, { signal: stop.signal });
    await expect.poll(() => here.server.sent('first')).toBe(size / 2);
    const url = here.server.host('second', { size });
    const failure = await failureOf(store.download({ url, path: 'second' }));
    expect(failure).toMatchObject({ code: 'storage-full', detail: { promised: size / 2 } });
    expect(String(failure)).toContain('Other downloads under way need 150 kB of that.');
    stop.abort();
    await failureOf(download);
    await store.download({ url, path: 'second' });
  });

  test('in the middle keeps the part, which is continued when there is room', async () => {
    const here = scene();
    const url = here.server.host('middle', { size, chunkBytes: 10_000 });
    let written = 0;
    const store = openOver(here, (plain) => {
      const full = (what: string, bytes: number): void => {
        if (what !== 'write' || bytes < 1000) return;
        written += bytes;
        if (written > 280_000) throw new DOMException('full', 'QuotaExceededError');
      };
      return { ...watched(plain, full), space: async () => ({ free: undefined, persisted: true }) };
    });
    const failure = await failureOf(store.download({ url, path: 'middle', sha256 }));
    expect(failure).toMatchObject({ code: 'storage-full' });
    expect(String(failure)).toContain('no room is left');
    expect(String(failure)).toContain('What has come is kept');
    const [part] = await here.open().list();
    expect(part).toMatchObject({ state: 'part', size });
    expect(part?.bytes).toBeGreaterThan(200_000);
    const source = await here.open().download({ url, path: 'middle', sha256 });
    expect(await sha256OfSource(source)).toBe(sha256);
    expect(here.server.sent('middle')).toBeLessThan(2 * size);
  });
});
