/**
 * Downloads in a real browser: the origin private file system, Web Locks, IndexedDB, and what fetch does to
 * ranges, redirects and tokens there. What does not depend on the browser is tested in Node.
 */

import { proxy, wrap, type Remote } from 'comlink';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { cdp } from 'vitest/browser';
import { openBrowserStore, type BrowserStoreOptions } from '../../src/downloads/opfs-store.ts';
import { requestPersistence } from '../../src/downloads/persistence.ts';
import type { DownloadProgress } from '../../src/downloads/progress.ts';
import { installWire } from '../../src/protocol/wire.ts';
import type { DownloadsService } from '../support/downloads.worker.ts';
import type { Hosted, Seen } from '../support/hostile-server.ts';
import { patternBytes } from '../support/pattern-bytes.ts';

const [first, second] = inject('hostileOrigins');
const size = 1_000_000;
const token = 'hf_secret';

/** A worker with a store: what a tab is to a download. */
type Tab = { readonly worker: Worker; readonly store: Remote<DownloadsService> };

const tabs: Tab[] = [];
let folder = '';

installWire();
beforeEach(() => {
  folder = `downloads-test-${crypto.randomUUID()}`;
});
afterEach(async () => {
  for (const { worker } of tabs.splice(0)) worker.terminate();
  const root = await navigator.storage.getDirectory();
  // A terminated worker lets go of its files a moment later.
  await vi.waitFor(() => root.removeEntry(folder, { recursive: true }));
});

async function openTab(options: BrowserStoreOptions & { canMove?: boolean } = {}): Promise<Tab> {
  const url = new URL('../support/downloads.worker.ts', import.meta.url);
  const worker = new Worker(url, { type: 'module' });
  const tab = { worker, store: wrap<DownloadsService>(worker) };
  tabs.push(tab);
  await tab.store.open({ folder, ...options });
  return tab;
}

/** Makes the server host a file, and returns its address at the first origin. */
async function host(path: string, file: Hosted): Promise<string> {
  await fetch(`${first}/control/host`, { method: 'POST', body: JSON.stringify({ path, file }) });
  return `${first}/${path}`;
}

/** Lets the server send what it holds back of a file. */
async function release(path: string): Promise<void> {
  await fetch(`${first}/control/release`, { method: 'POST', body: JSON.stringify(path) });
}

async function requests(path: string): Promise<Seen[]> {
  const seen = (await (await fetch(`${first}/control/seen`)).json()) as Seen[];
  return seen.filter((request) => request.path === path);
}

/** Where the range begins that a request asked for. */
function firstByte(request: Seen | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(request?.range ?? '')?.[1]);
}

async function sha256OfPattern(bytes: number): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', patternBytes(bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const failure: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof Error) return failure;
  throw new Error('it should have failed');
}

describe('a download', () => {
  test('goes on after every drop, and is a whole file of the private file system then', async () => {
    const sha256 = await sha256OfPattern(size);
    const url = await host('drops', { size, dropEvery: 400_000 });
    const { store } = await openTab();
    expect(await store.download({ url, path: 'a/drops.bin', sha256 })).toBe(sha256);
    const seen = await requests('drops');
    expect(new Set(seen.map(({ method }) => method))).toEqual(new Set(['GET']));
    const starts = seen.map(firstByte);
    expect(starts[0]).toBe(0);
    expect(starts.at(-1)).toBeGreaterThan(400_000);
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
    const names = await (await root.getDirectoryHandle('a')).getFileHandle('drops.bin');
    expect((await names.getFile()).size).toBe(size);
    expect(await store.list()).toMatchObject([{ state: 'whole', sha256, verified: true }]);
    expect(await store.verify('a/drops.bin')).toBe(true);
    expect((await store.usage()).stored).toBe(size);
    await store.delete('a/drops.bin');
    expect(await store.list()).toEqual([]);
  });

  test('can be told from another file when the page may not read its headers', async () => {
    const sha256 = await sha256OfPattern(size);
    const url = await host('hidden', { size, exposes: false, dropEvery: 600_000 });
    const { store } = await openTab();
    expect(await store.download({ url, path: 'hidden', sha256 })).toBe(sha256);
    expect(firstByte((await requests('hidden')).at(-1))).toBeGreaterThan(0);
  });

  test('whose bytes are wrong leaves nothing', async () => {
    const url = await host('wrong', { size, flips: 999 });
    const { store } = await openTab();
    const sha256 = await sha256OfPattern(size);
    const failure = await failureOf(store.download({ url, path: 'wrong', sha256 }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch' });
    expect(await store.list()).toEqual([]);
  });

  test('is whole without being moved, where the browser cannot move files', async () => {
    const sha256 = await sha256OfPattern(size);
    const url = await host('unmoved', { size });
    const { store } = await openTab({ canMove: false });
    expect(await store.download({ url, path: 'unmoved' })).toBe(sha256);
    const later = await openTab();
    expect(await later.store.has('unmoved')).toBe(true);
    expect(await later.store.download({ url, path: 'unmoved', sha256 })).toBe(sha256);
    expect(await requests('unmoved')).toHaveLength(1);
  });
});

describe('tabs', () => {
  test('closed in the middle leave a part that the next one goes on from', async () => {
    const sha256 = await sha256OfPattern(size);
    const url = await host('closed', { size, chunkBytes: 20_000, pauseMs: 10 });
    const { worker, store } = await openTab();
    let received = 0;
    const onProgress = (progress: DownloadProgress): void => void (received = progress.received);
    void store.download({ url, path: 'closed', sha256 }, proxy(onProgress));
    await expect.poll(() => received).toBeGreaterThan(300_000);
    worker.terminate();

    const reopened = await openTab();
    expect(await reopened.store.list()).toMatchObject([{ state: 'part', size }]);
    expect(await reopened.store.download({ url, path: 'closed', sha256 })).toBe(sha256);
    const [, next] = await requests('closed');
    // What had come but was not written yet is lost with the tab: less than one block.
    expect(firstByte(next)).toBeGreaterThan(received - 256 * 1024);
  });

  test('two at once download once, and the one that waits hears how it goes', async () => {
    const sha256 = await sha256OfPattern(size);
    const url = await host('once', { size, chunkBytes: 20_000, pauseMs: 4, holdsAt: size / 2 });
    const [one, two] = [await openTab(), await openTab()];
    const heard: DownloadProgress[] = [];
    const target = { url, path: 'once', sha256 };
    const onProgress = (progress: DownloadProgress): void => void heard.push(progress);
    const early = one.store.download(target);
    await expect.poll(async () => (await requests('once'))[0]?.sent).toBe(size / 2);
    const late = two.store.download(target, proxy(onProgress));
    // The server sends nothing now: this is told because somebody came.
    await expect.poll(() => heard.at(-1)).toMatchObject({ phase: 'downloading', total: size });
    expect(heard[0]).toMatchObject({ phase: 'waiting' });
    expect(heard.at(-1)?.received).toBeGreaterThan(0);
    await release('once');
    expect([await early, await late]).toEqual([sha256, sha256]);
    expect((await requests('once')).map(({ sent }) => sent)).toEqual([size]);
    expect(heard.map(({ phase }) => phase)).toContain('downloading');
    expect(heard.at(-1)).toMatchObject({ phase: 'done', received: size });
  });

  test('pause and cancel', async () => {
    const url = await host('paused', { size, chunkBytes: 20_000, pauseMs: 10 });
    const { store } = await openTab();
    for (const how of ['pause', 'cancel'] as const) {
      let received = 0;
      const onProgress = (progress: DownloadProgress): void => void (received = progress.received);
      const download = failureOf(store.download({ url, path: 'paused' }, proxy(onProgress)));
      await expect.poll(() => received).toBeGreaterThan(0);
      await store[how]();
      expect(await download).toMatchObject({ name: 'AbortError' });
      expect(await store.list()).toHaveLength(how === 'pause' ? 1 : 0);
    }
  });
});

describe('a token', () => {
  test('is kept for the next session, and never leaves for another host', async () => {
    await host('signed', { size });
    const url = await host('gated', { size, token, redirect: `${second}/signed` });
    const { host: name } = new URL(first);
    const { store } = await openTab();
    const refused = await failureOf(store.download({ url, path: 'gated' }));
    expect(refused).toMatchObject({ code: 'access-denied', detail: { host: name } });
    await store.setToken(name, token);
    const later = await openTab();
    expect(await later.store.tokenHosts()).toEqual([name]);
    await later.store.download({ url, path: 'gated', sha256: await sha256OfPattern(size) });
    await later.store.forgetToken(name);

    const gated = await requests('gated');
    expect(gated.at(-1)).toMatchObject({ method: 'GET', authorization: `Bearer ${token}` });
    const signed = await requests('signed');
    // No preflight either: the range alone is no reason to ask first.
    expect(signed).toHaveLength(1);
    expect(signed[0]).toMatchObject({ method: 'GET', range: 'bytes=0-' });
    expect(signed[0]).not.toHaveProperty('authorization');
  });
});

describe('room', () => {
  const quotaOf = (quotaSize?: number): Promise<unknown> =>
    cdp().send('Storage.overrideQuotaForOrigin', {
      origin: location.origin,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    });
  afterEach(async () => {
    await quotaOf();
  });

  test('that the browser does not grant is told before the download', async () => {
    const url = await host('large', { size: 50_000_000 });
    const { store } = await openTab();
    await quotaOf(5_000_000);
    const failure = await failureOf(store.download({ url, path: 'large.bin' }));
    expect(failure).toMatchObject({ code: 'storage-full', detail: { needed: 50_000_000 } });
    expect(failure.message).toMatch(/large.bin needs 50 MB more on disk, but only \d MB may be/);
    expect(await store.list()).toEqual([]);
  });

  test('that runs out in the middle keeps the part', async () => {
    const sha256 = await sha256OfPattern(4_000_000);
    const url = await host('endless', {
      size: 4_000_000,
      chunked: true,
      exposes: false,
      ranges: false,
    });
    const { store } = await openTab();
    await quotaOf(2_000_000);
    const failure = await failureOf(store.download({ url, path: 'endless.bin', sha256 }));
    expect(failure).toMatchObject({ code: 'storage-full' });
    expect(await store.has('endless.bin')).toBe(false);
    expect(await store.list()).toMatchObject([{ state: 'part' }]);
    await quotaOf();
    expect(await store.download({ url, path: 'endless.bin', sha256 })).toBe(sha256);
  });

  test('can be asked to stay, by a page, which cannot open a store', async () => {
    const isPersistent = await requestPersistence();
    expect(await navigator.storage.persisted()).toBe(isPersistent);
    const { store } = await openTab();
    expect(await store.usage()).toMatchObject({ persisted: isPersistent });
    expect(await failureOf(openBrowserStore())).toMatchObject({ code: 'unsupported' });
  });
});
