/**
 * Downloads over bad connections: dropped, silent, slow, refused for a while, without ranges.
 */

import { describe, expect, test } from 'vitest';
import { systemClock as realClock } from '../../../src/downloads/clock.ts';
import type { DownloadProgress } from '../../../src/downloads/progress.ts';
import type { Seen } from '../../support/hostile-server.ts';
import { failureOf, sha256OfPattern, sha256OfSource, useScene } from './support.ts';

const scene = useScene();
const size = 1_000_000;
const sha256 = sha256OfPattern(size);

/** Where the range begins that a request asked for. */
function firstByte({ range }: Seen): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);
}

describe('a dropped connection', () => {
  test('is taken up at every tenth of the file', async () => {
    const { server, clock, open } = scene();
    const url = server.host('tenths', { size, dropEvery: size / 10 });
    const source = await open().download({ url, path: 'a/tenths', sha256 });
    expect(await sha256OfSource(source)).toBe(sha256);
    const starts = server.requests('tenths').map(firstByte);
    expect(starts.length).toBeGreaterThanOrEqual(10);
    expect(starts).toEqual([...new Set(starts)].toSorted((x, y) => x - y));
    // What had come but was not handed over yet is lost with its connection.
    expect(server.sent('tenths')).toBeLessThan(1.5 * size);
    // Every attempt got further, so that no wait was longer than the first.
    expect(new Set(clock.waits)).toEqual(new Set([1000]));
  });

  test('is taken up when the server tells no length', async () => {
    const { server, open } = scene();
    const url = server.host('chunked', { size, chunked: true, dropEvery: size / 2 });
    const source = await open().download({ url, path: 'chunked', sha256 });
    expect(await sha256OfSource(source)).toBe(sha256);
    expect(server.sent('chunked')).toBeLessThan(1.5 * size);
  });

  test('means starting over where the server has no ranges', async () => {
    const { server, open } = scene();
    const url = server.host('whole', {
      size,
      ranges: false,
      becomes: { after: 400_000, file: { size, ranges: false } },
      dropEvery: 400_000,
    });
    const source = await open().download({ url, path: 'whole', sha256 });
    expect(await sha256OfSource(source)).toBe(sha256);
    expect(server.sent('whole')).toBe(400_000 + size);
  });

  test('at the same place again and again ends the attempts, and says so', async () => {
    const { server, clock, open } = scene();
    const url = server.host('wall', { size, ranges: false, dropEvery: 300_000 });
    const store = open();
    const failure = await failureOf(store.download({ url, path: 'wall.bin' }));
    expect(failure).toMatchObject({ code: 'download-failed' });
    const host = new URL(url).host;
    expect(String(failure)).toContain(`wall.bin could not be downloaded from ${host}: 8 attempts`);
    expect(String(failure)).toContain('What has come is kept');
    expect(clock.waits.slice(-7)).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    expect(await store.has('wall.bin')).toBe(false);
    expect(await store.list()).toMatchObject([{ state: 'part', size }]);
  });

  test('before the first byte is tried without a range, in turn', async () => {
    const { server, open } = scene();
    const url = server.host('mute', { size, hangs: 1 });
    await open({ stallMs: 50 }).download({ url, path: 'mute', sha256 });
    expect(server.requests('mute').map(({ range }) => range)).toEqual(['bytes=0-', undefined]);
  });
});

describe('a slow connection', () => {
  test('brings the file, with a rate and the time left', async () => {
    const { server, open } = scene();
    const url = server.host('slow', { size: 200_000, chunkBytes: 10_000, pauseMs: 5 });
    const reports: DownloadProgress[] = [];
    await open({ clock: realClock }).download(
      { url, path: 'slow' },
      { onProgress: (progress) => reports.push(progress) },
    );
    const phases = [...new Set(reports.map(({ phase }) => phase))];
    expect(phases).toEqual(['waiting', 'downloading', 'done']);
    const received = reports.map((report) => report.received);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(reports.at(-1)).toMatchObject({ received: 200_000, total: 200_000 });
  });

  test('that falls silent counts as lost', async () => {
    const { server, open } = scene();
    const url = server.host('silent', { size, stalls: 1 });
    await open({ stallMs: 100 }).download({ url, path: 'silent', sha256 });
    expect(server.requests('silent').map(({ range }) => range)).toEqual([
      'bytes=0-',
      `bytes=${size / 2}-`,
    ]);
    expect(server.sent('silent')).toBe(size);
  });
});

describe('a server in trouble', () => {
  test('is asked again after 500, later every time', async () => {
    const { server, clock, open } = scene();
    const url = server.host('trouble', { size, statuses: [500, 503, 429] });
    await open().download({ url, path: 'trouble', sha256 });
    expect(clock.waits).toEqual([1000, 2000, 4000]);
    expect(server.sent('trouble')).toBe(size);
  });

  test('is left alone for as long as it asks', async () => {
    const { server, clock, open } = scene();
    const url = server.host('busy', { size, statuses: [429], retryAfter: '7' });
    await open().download({ url, path: 'busy', sha256 });
    expect(clock.waits).toEqual([7000]);
  });

  test('is given up at last', async () => {
    const { server, open } = scene();
    const url = server.host('broken', { size, statuses: Array<number>(20).fill(500) });
    const failure = await failureOf(open().download({ url, path: 'broken.bin' }));
    expect(failure).toMatchObject({ code: 'download-failed', detail: { attempts: 8 } });
    expect(String(failure)).toContain('answered with status 500');
    expect(server.requests('broken')).toHaveLength(8);
  });

  test('that is not there at all is named', async () => {
    const { open } = scene();
    const store = open();
    const failure = await failureOf(store.download({ url: 'http://127.0.0.1:9/x', path: 'x' }));
    expect(String(failure)).toContain('x could not be downloaded from 127.0.0.1:9');
    expect(await store.list()).toEqual([]);
  });

  test('that redirects in circles is given up', async () => {
    const { server, open } = scene();
    const url = server.host('circle', { size, redirect: '/circle' });
    const failure = await failureOf(open().download({ url, path: 'circle' }));
    expect(failure).toMatchObject({ code: 'download-failed' });
    expect(String(failure)).toContain('redirect count exceeded');
  });
});

describe('an empty file', () => {
  test('is a file', async () => {
    const { server, open } = scene();
    const url = server.host('empty', { size: 0 });
    const source = await open().download({ url, path: 'empty' });
    expect(source.size).toBe(0);
    expect(await open().list()).toMatchObject([{ state: 'whole', sha256: sha256OfPattern(0) }]);
  });
});
