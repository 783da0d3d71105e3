/**
 * Downloads of files that are not what was promised, or do not stay what they were.
 */

import { describe, expect, test } from 'vitest';
import { failureOf, sha256OfPattern, sha256OfSource, useScene } from './support.ts';

const scene = useScene();
const size = 300_000;
const sha256 = sha256OfPattern(size);

describe('a file with wrong bytes', () => {
  test('is refused, and nothing of it stays', async () => {
    const { server, open } = scene();
    const url = server.host('flipped', { size, flips: 200_000 });
    const store = open();
    const failure = await failureOf(store.download({ url, path: 'm/flipped.bin', sha256 }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch', detail: { expected: sha256 } });
    expect(String(failure)).toContain(
      `m/flipped.bin came from ${new URL(url).host} with the wrong`,
    );
    expect(await store.get('m/flipped.bin')).toBeUndefined();
    expect(await store.list()).toEqual([]);
    expect(server.requests('flipped')).toHaveLength(1);
  });

  test('is fetched once more as a whole when it came in pieces, of which one was wrong', async () => {
    const { server, open } = scene();
    const url = server.host('mended', { size, flipsOnce: 5, dropEvery: 200_000 });
    const source = await open()
      .download({ url, path: 'mended', sha256 })
      .catch(() => undefined);
    // The pieces of the second time are right, but come over two connections again.
    expect(source === undefined ? undefined : await sha256OfSource(source)).toBe(sha256);
    expect(server.sent('mended')).toBe(2 * size);
  });

  test('and in pieces again is refused at last', async () => {
    const { server, open } = scene();
    const url = server.host('never', { size, flips: 5, dropEvery: 200_000 });
    const failure = await failureOf(open().download({ url, path: 'never', sha256 }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch' });
    expect(server.requests('never').filter(({ range }) => range === 'bytes=0-')).toHaveLength(2);
  });
});

describe('a file of another length', () => {
  test('is refused before it is downloaded', async () => {
    const { server, open } = scene();
    const url = server.host('short', { size: 5_000_000 });
    const failure = await failureOf(open().download({ url, path: 'short.bin', size }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch' });
    expect(String(failure)).toContain('has 5000000 bytes, but 300000 were expected');
    expect(server.sent('short')).toBeLessThan(5_000_000);
    expect(await open().list()).toEqual([]);
  });

  test('than before spoils nothing of what has come', async () => {
    const { server, open } = scene();
    const url = server.host('outage', { size, stalls: 1 });
    const pause = new AbortController();
    const onProgress = ({ received }: { received: number }): void => {
      if (received === size / 2) pause.abort();
    };
    await failureOf(
      open().download({ url, path: 'outage', size }, { signal: pause.signal, onProgress }),
    );
    server.host('outage', { size: 20, text: 'back in ten minutes!', ranges: false });
    const failure = await failureOf(open().download({ url, path: 'outage', size }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch' });
    expect(await open().list()).toMatchObject([{ state: 'part', bytes: size / 2 }]);
    server.host('outage', { size });
    expect(await sha256OfSource(await open().download({ url, path: 'outage', size }))).toBe(sha256);
    expect(server.sent('outage')).toBe(size / 2);
  });

  test('is refused at its end, or when it does not end, where no length is told', async () => {
    const { server, open } = scene();
    const longer = server.host('longer', { size: 2 * size, chunked: true, ranges: false });
    const tooLong = await failureOf(open().download({ url: longer, path: 'longer', size }));
    expect(String(tooLong)).toContain('has more bytes than that, but 300000 were expected');
    const shorter = server.host('shorter', { size: size / 2, chunked: true });
    const tooShort = await failureOf(open().download({ url: shorter, path: 'shorter', size }));
    expect(tooShort).toMatchObject({ code: 'integrity-mismatch' });
    expect(await open().list()).toEqual([]);
  });

  test('than the server itself claims never counts as whole', async () => {
    const { server, open } = scene();
    const url = server.host('claims', { size, claims: 400_000 });
    const store = open();
    const failure = await failureOf(store.download({ url, path: 'claims' }));
    expect(failure).toMatchObject({ code: 'download-failed' });
    expect(await store.has('claims')).toBe(false);
  });
});

describe('a file that changes', () => {
  test.each([
    ['by its ETag', {}, {}],
    ['by its date', { etag: null, lastModified: 'Mon' }, { etag: null, lastModified: 'Tue' }],
    ['by its length', { etag: null }, { etag: null, size: size + 1 }],
  ])('while it comes is noticed %s, and comes anew', async (_, before, now) => {
    const { server, open } = scene();
    const file = { size, seed: 2, ...now };
    const url = server.host('changing', {
      size,
      dropEvery: 200_000,
      becomes: { after: 200_000, file },
      ...before,
    });
    const source = await open().download({ url, path: 'changing' });
    expect(await sha256OfSource(source)).toBe(sha256OfPattern(file.size, 2));
    expect(source.size).toBe(file.size);
  });

  test('between two sessions comes anew, for the journal knows the old one', async () => {
    const { server, open } = scene();
    const url = server.host('overnight', { size, stalls: 1 });
    const pause = new AbortController();
    const first = open().download(
      { url, path: 'overnight' },
      {
        signal: pause.signal,
        onProgress: ({ received }) => {
          if (received === size / 2) pause.abort();
        },
      },
    );
    expect(await failureOf(first)).toBe(pause.signal.reason);
    server.host('overnight', { size, seed: 2 });
    const source = await open().download({ url, path: 'overnight' });
    expect(await sha256OfSource(source)).toBe(sha256OfPattern(size, 2));
    expect(server.requests('overnight').map(({ range }) => range)).toEqual([
      `bytes=${size / 2}-`,
      'bytes=0-',
    ]);
  });

  test('and shrinks is noticed by 416', async () => {
    const { server, open } = scene();
    const small = { size: 1000, seed: 2, etag: null };
    const url = server.host('shrunk', {
      size,
      etag: null,
      dropEvery: 200_000,
      becomes: { after: 200_000, file: small },
    });
    const source = await open().download({ url, path: 'shrunk' });
    expect(await sha256OfSource(source)).toBe(sha256OfPattern(1000, 2));
  });

  test('at every attempt is given up', async () => {
    const { server, open } = scene();
    const url = server.host('restless', { size, isRestless: true, dropEvery: 100_000 });
    const failure = await failureOf(open().download({ url, path: 'restless' }));
    expect(failure).toMatchObject({ code: 'download-failed' });
    expect(String(failure)).toContain('at every attempt that the file has changed');
  });

  test('is not continued when nothing could tell, and is when its digest can', async () => {
    const { server, open } = scene();
    const blind = { size, etag: null, exposes: false, dropEvery: 200_000 };
    const url = server.host('blind', blind);
    await open().download({ url, path: 'known', sha256 });
    expect(server.requests('blind').filter(({ range }) => range === 'bytes=0-')).toHaveLength(1);
    server.host('blind', blind);
    expect(await failureOf(open().download({ url, path: 'unknown' }))).toMatchObject({
      code: 'download-failed',
    });
  });
});

describe('a server that refuses', () => {
  test('with 404 is not asked again', async () => {
    const { server, open } = scene();
    const url = `${server.origins[0]}/nowhere`;
    const store = open();
    const failure = await failureOf(store.download({ url, path: 'sd/unet.safetensors' }));
    expect(failure).toMatchObject({ code: 'download-failed', detail: { status: 404 } });
    expect(String(failure)).toContain(`${new URL(url).host} has no sd/unet.safetensors`);
    expect(server.requests('nowhere')).toHaveLength(1);
    expect(await store.list()).toEqual([]);
  });

  test('with a web page instead is told apart from a file', async () => {
    const { server, open } = scene();
    const url = server.host('portal', { size: 15, text: '<h1>log in</h1>', type: 'text/html' });
    const failure = await failureOf(open().download({ url, path: 'portal.safetensors' }));
    expect(String(failure)).toContain('answered with a web page when asked for portal.safetensors');
  });

  test('never has its address told whole, which may hold a secret', async () => {
    const { server, open } = scene();
    const url = `${server.origins[0]}/nowhere?signature=secret`;
    const failure = await failureOf(open().download({ url, path: 'signed' }));
    expect(JSON.stringify([String(failure), failure])).not.toContain('secret');
  });
});

describe('a target', () => {
  test.each([
    [{ url: 'ftp://host/file' }, 'https://'],
    [{ url: 'no address' }, 'https://'],
    [{ url: 'https://me:secret@host/file' }, 'user name or password'],
    [{ path: '' }, 'names joined by /'],
    [{ path: '../outside' }, 'names joined by /'],
    [{ path: 'a//b' }, 'names joined by /'],
    [{ path: 'a\\b' }, 'names joined by /'],
    [{ path: '/etc/passwd' }, 'names joined by /'],
    [{ path: '.downloads/records/x' }, 'names joined by /'],
    [{ size: -1 }, 'whole number of bytes'],
    [{ size: 1.5 }, 'whole number of bytes'],
    [{ sha256: 'abc' }, '64 hexadecimal digits'],
  ])('%j is refused', async (wrong, why) => {
    const target = { url: 'https://host.example/file', path: 'file', ...wrong };
    const failure = await failureOf(scene().open().download(target));
    expect(failure).toMatchObject({ code: 'invalid-argument' });
    expect(String(failure)).toContain(why);
  });
});
