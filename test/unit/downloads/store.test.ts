/**
 * A store of downloads: what is here, what is not, who does what when there are several.
 */

import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DownloadProgress } from '../../../src/downloads/progress.ts';
import { failureOf, sha256OfPattern, sha256OfSource, useScene, type Scene } from './support.ts';

const scene = useScene();
const size = 300_000;
const sha256 = sha256OfPattern(size);

/** Starts a download and pauses or cancels it when the server, which then stops sending, has sent half. */
async function stopHalfWay(here: Scene, path: string, how: 'signal' | 'cancel'): Promise<unknown> {
  const url = here.server.host(path, { size, stalls: 1 });
  const stop = new AbortController();
  const onProgress = ({ received }: DownloadProgress): void => {
    if (received === size / 2) stop.abort();
  };
  const download = here.open().download({ url, path, sha256 }, { [how]: stop.signal, onProgress });
  const failure = await failureOf(download);
  expect(failure).toBe(stop.signal.reason);
  return failure;
}

describe('a store', () => {
  test('gives a file that is here without asking the server', async () => {
    const { server, open } = scene();
    const url = server.host('file', { size });
    const target = { url, path: 'models/a/file.bin', sha256 };
    expect(await open().has(target.path)).toBe(false);
    expect(await open().get(target.path)).toBeUndefined();
    const source = await open().download(target);
    expect(source).toMatchObject({ name: 'models/a/file.bin', size });
    const again = await open().download(target);
    expect(await sha256OfSource(again)).toBe(sha256);
    expect(await open().has(target.path)).toBe(true);
    expect(server.requests('file')).toHaveLength(1);
  });

  test('lays files where other programs find them, and nothing else there', async () => {
    const { server, open, folder } = scene();
    const url = server.host('file', { size });
    await open().download({ url, path: 'a/b.bin' });
    expect((await readdir(folder)).toSorted()).toEqual(['.downloads', 'a']);
    expect(await readdir(join(folder, 'a'))).toEqual(['b.bin']);
    expect(await readFile(join(folder, 'a/b.bin'))).toHaveLength(size);
    expect(await readdir(join(folder, '.downloads/parts'))).toEqual(['a']);
    expect(await readdir(join(folder, '.downloads/parts/a'))).toEqual([]);
    expect(await readdir(join(folder, '.downloads/locks'))).toEqual([]);
  });

  test('replaces a file by another one when another is asked for, once that is whole', async () => {
    const { server, open } = scene();
    const url = server.host('file', { size });
    const path = 'file';
    await open().download({ url, path, sha256 });
    const other = server.host('other', { size, seed: 2, statuses: [404] });
    const wanted = { url: other, path, sha256: sha256OfPattern(size, 2) };
    expect(await failureOf(open().download(wanted))).toMatchObject({ code: 'download-failed' });
    expect(await open().list()).toMatchObject([{ state: 'whole', sha256 }]);
    await open().download(wanted);
    expect(await open().list()).toMatchObject([{ state: 'whole', sha256: wanted.sha256 }]);
    expect(await sha256OfSource(await open().download({ url, path }))).toBe(wanted.sha256);
  });

  test('tells what it holds, and deletes it on request only', async () => {
    const here = scene();
    const { server, open } = here;
    const url = server.host('file', { size });
    await open().download({ url, path: 'a/whole' });
    await stopHalfWay(here, 'part', 'signal');
    const store = open();
    expect(await store.list()).toEqual([
      {
        path: 'a/whole',
        state: 'whole',
        url,
        bytes: size,
        size,
        sha256,
        modified: expect.any(Number),
        verified: false,
      },
      {
        path: 'part',
        state: 'part',
        url: `${server.origins[0]}/part`,
        bytes: size / 2,
        size,
        sha256: undefined,
        verified: false,
      },
    ]);
    const usage = await store.usage();
    expect(usage).toMatchObject({ stored: 1.5 * size, persisted: undefined });
    expect(usage.free).toBeGreaterThan(0);
    await store.delete('a/whole');
    await store.delete('part');
    await store.delete('never-was');
    expect(await store.list()).toEqual([]);
    expect(await store.has('a/whole')).toBe(false);
  });

  test('does not take a file for whole that has lost its end', async () => {
    const { server, open, folder } = scene();
    const url = server.host('file', { size });
    await open().download({ url, path: 'cut', sha256 });
    await writeFile(join(folder, 'cut'), new Uint8Array(10));
    expect(await open().has('cut')).toBe(false);
    expect(await sha256OfSource(await open().download({ url, path: 'cut', sha256 }))).toBe(sha256);
  });

  test('reads a file again when asked to, and has it no more when it is damaged', async () => {
    const { server, open, folder } = scene();
    const url = server.host('file', { size });
    const store = open();
    await store.download({ url, path: 'file' });
    const phases: string[] = [];
    const onProgress = ({ phase, received }: DownloadProgress): void => {
      phases.push(`${phase} ${received}`);
    };
    expect(await store.verify('file', { onProgress })).toBe(true);
    expect(phases).toEqual([`checking ${size}`, `done ${size}`]);
    const bytes = await readFile(join(folder, 'file'));
    bytes[1000]! ^= 1;
    await writeFile(join(folder, 'file'), bytes);
    expect(await store.has('file')).toBe(true);
    expect(await store.verify('file')).toBe(false);
    expect(await store.has('file')).toBe(false);
    expect(await store.list()).toMatchObject([{ path: 'file', state: 'damaged' }]);
    await store.download({ url, path: 'file', sha256 });
    expect(await store.verify('file')).toBe(true);
    expect(await failureOf(store.verify('other'))).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a pause', () => {
  test('keeps the part, and the next session goes on from there', async () => {
    const here = scene();
    await stopHalfWay(here, 'paused', 'signal');
    const url = `${here.server.origins[0]}/paused`;
    const phases: string[] = [];
    const onProgress = ({ phase }: DownloadProgress): void => {
      if (phases.at(-1) !== phase) phases.push(phase);
    };
    const source = await here.open().download({ url, path: 'paused', sha256 }, { onProgress });
    expect(await sha256OfSource(source)).toBe(sha256);
    expect(here.server.sent('paused')).toBe(size);
    expect(phases).toEqual(['waiting', 'checking', 'downloading', 'done']);
  });

  test('before anything came leaves nothing', async () => {
    const { server, open } = scene();
    const url = server.host('unborn', { size, hangs: 1 });
    const stop = new AbortController();
    const download = open().download({ url, path: 'unborn' }, { signal: stop.signal });
    await expect.poll(() => server.requests('unborn').length).toBe(1);
    stop.abort(new DOMException('later', 'AbortError'));
    expect(await failureOf(download)).toBe(stop.signal.reason);
    expect(await open().list()).toEqual([]);
  });

  test('asked for beforehand is a download that never starts', async () => {
    const { server, open } = scene();
    const url = server.host('never', { size });
    const signal = AbortSignal.abort();
    expect(await failureOf(open().download({ url, path: 'never' }, { signal }))).toBe(
      signal.reason,
    );
    expect(server.requests('never')).toEqual([]);
  });

  test('is not taken up for another file at the same path', async () => {
    const here = scene();
    await stopHalfWay(here, 'mixed', 'signal');
    const url = here.server.host('other', { size, seed: 2 });
    const source = await here.open().download({ url, path: 'mixed' });
    expect(await sha256OfSource(source)).toBe(sha256OfPattern(size, 2));
    expect(here.server.requests('other').map(({ range }) => range)).toEqual(['bytes=0-']);
  });
});

describe('a cancelled download', () => {
  test('leaves nothing', async () => {
    const here = scene();
    await stopHalfWay(here, 'cancelled', 'cancel');
    expect(await here.open().list()).toEqual([]);
    expect(await readdir(join(here.folder, '.downloads/parts'))).toEqual([]);
  });
});

describe('two stores over one folder', () => {
  test('download a file once, and the one that waits hears how it goes', async () => {
    const { server, open } = scene();
    const file = { size, chunkBytes: size / 10, pauseMs: 5, holdsAt: size / 2 };
    const url = server.host('shared', file);
    const reports: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress): void => void reports.push(progress);
    const target = { url, path: 'shared', sha256 };
    const first = open().download(target);
    await expect.poll(() => server.sent('shared')).toBe(size / 2);
    const second = open().download(target, { onProgress });
    // The server sends nothing now: this is told because somebody came.
    await expect.poll(() => reports.at(-1)).toMatchObject({ phase: 'downloading', total: size });
    server.release('shared');
    const [one, two] = await Promise.all([first, second]);
    expect(await sha256OfSource(one)).toBe(sha256);
    expect(await sha256OfSource(two)).toBe(sha256);
    expect(server.requests('shared')).toHaveLength(1);
    expect(reports[0]).toMatchObject({ phase: 'waiting', received: 0 });
    expect(reports.filter(({ phase }) => phase === 'downloading').length).toBeGreaterThan(1);
    expect(reports.at(-1)).toMatchObject({ phase: 'done', received: size });
  });

  test('take over from each other', async () => {
    const here = scene();
    const url = here.server.host('taken', { size, stalls: 1 });
    const stop = new AbortController();
    const first = here.open().download({ url, path: 'taken', sha256 }, { signal: stop.signal });
    await expect.poll(() => here.server.sent('taken')).toBe(size / 2);
    const second = here.open().download({ url, path: 'taken', sha256 });
    stop.abort();
    expect(await failureOf(first)).toBe(stop.signal.reason);
    expect(await sha256OfSource(await second)).toBe(sha256);
    expect(here.server.requests('taken')).toHaveLength(2);
  });

  test('do not delete or verify what the other one downloads', async () => {
    const here = scene();
    const url = here.server.host('busy', { size, stalls: 1 });
    const stop = new AbortController();
    const download = here.open().download({ url, path: 'busy' }, { signal: stop.signal });
    await expect.poll(() => here.server.requests('busy').length).toBe(1);
    for (const method of ['delete', 'verify'] as const) {
      const failure = await failureOf(here.open()[method]('busy'));
      expect(failure).toMatchObject({ code: 'invalid-argument' });
      expect(String(failure)).toContain('busy is in use');
    }
    stop.abort();
    await failureOf(download);
    await here.open().delete('busy');
    expect(await here.open().list()).toEqual([]);
  });

  test('can give up waiting', async () => {
    const here = scene();
    const url = here.server.host('held', { size, stalls: 1 });
    const stop = new AbortController();
    const first = here.open().download({ url, path: 'held' }, { signal: stop.signal });
    await expect.poll(() => here.server.requests('held').length).toBe(1);
    const waiting = new AbortController();
    const second = here.open().download({ url, path: 'held' }, { signal: waiting.signal });
    waiting.abort();
    expect(await failureOf(second)).toBe(waiting.signal.reason);
    stop.abort();
    await failureOf(first);
  });
});

describe('many downloads', () => {
  test('are at most so many at once, in the order they were asked for', async () => {
    const { server, open } = scene();
    const store = open({ parallel: 2 });
    let most = 0;
    const under = new Set<string>();
    const order: string[] = [];
    const paths = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(
      paths.map((path) => {
        const url = server.host(path, { size: 20_000, chunkBytes: 5000, pauseMs: 5 });
        return store.download(
          { url, path },
          {
            onProgress: ({ phase }) => {
              if (phase === 'downloading' && !under.has(path)) order.push(path);
              if (phase === 'downloading') under.add(path);
              if (phase === 'done') under.delete(path);
              most = Math.max(most, under.size);
            },
          },
        );
      }),
    );
    expect(most).toBe(2);
    expect(order.toSorted()).toEqual(paths);
    expect(await store.list()).toHaveLength(5);
  });

  test('may give up while they wait for their turn', async () => {
    const { server, open } = scene();
    const store = open({ parallel: 1 });
    const stop = new AbortController();
    const slow = store.download(
      { url: server.host('slow', { size, stalls: 1 }), path: 'slow' },
      { signal: stop.signal },
    );
    await expect.poll(() => server.requests('slow').length).toBe(1);
    const impatient = new AbortController();
    const target = { url: server.host('next', { size }), path: 'next' };
    const next = store.download(target, { signal: impatient.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    impatient.abort();
    expect(await failureOf(next)).toBe(impatient.signal.reason);
    stop.abort();
    await failureOf(slow);
    await store.download(target);
    expect(await store.has('next')).toBe(true);
  });
});

describe('what a crash leaves', () => {
  test('such as a torn journal is no ground to go on from', async () => {
    const here = scene();
    await stopHalfWay(here, 'torn', 'signal');
    await writeFile(join(here.folder, '.downloads/journals/torn'), '{"version":1,"url":"htt');
    const url = `${here.server.origins[0]}/torn`;
    await here.open().download({ url, path: 'torn', sha256 });
    expect(here.server.requests('torn').map(({ range }) => range)).toEqual([
      'bytes=0-',
      'bytes=0-',
    ]);
  });

  test('such as zeros at the end of the part costs another download, not a wrong file', async () => {
    const here = scene();
    await stopHalfWay(here, 'zeros', 'signal');
    const part = join(here.folder, '.downloads/parts/zeros');
    await writeFile(part, new Uint8Array(size / 2));
    const url = `${here.server.origins[0]}/zeros`;
    const source = await here.open().download({ url, path: 'zeros', sha256 });
    expect(await sha256OfSource(source)).toBe(sha256);
  });

  test('such as a journal without a part, or a part without a journal, is no obstacle', async () => {
    const here = scene();
    const url = `${here.server.origins[0]}/orphan`;
    for (const orphan of ['parts', 'journals']) {
      await stopHalfWay(here, 'orphan', 'signal');
      await rm(join(here.folder, '.downloads', orphan, 'orphan'));
      const source = await here.open().download({ url, path: 'orphan', sha256 });
      expect(await sha256OfSource(source)).toBe(sha256);
      await here.open().delete('orphan');
    }
  });
});
