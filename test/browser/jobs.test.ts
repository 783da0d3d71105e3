/**
 * Jobs and pictures in a real browser: IndexedDB, Web Locks, JPEG from a canvas, object URLs.
 */

import { afterAll, describe, expect, test, vi } from 'vitest';
import { Client } from '../../src/api/client.ts';
import { servedLinks } from '../../src/api/outputs.ts';
import type { DrawingEngine } from '../../src/api/engine-artist.ts';
import { encodeJpeg } from '../../src/image/jpeg.ts';
import { decodeImage } from '../../src/image/decode.ts';
import { blankPicture } from '../../src/image/picture.ts';
import { browserStorage } from '../../src/jobs/indexed-db-storage.ts';
import { JobQueue } from '../../src/jobs/job-queue.ts';
import { tabPresence } from '../../src/jobs/tab-presence.ts';
import { shippedManifest } from '../../src/models/manifest.ts';
import type { RuntimeReport } from '../../src/runtime/report.ts';

const name = `test-${crypto.randomUUID()}`;

afterAll(() => {
  for (const part of ['ids', 'jobs', 'files']) indexedDB.deleteDatabase(`${name}-${part}`);
});

const engine: DrawingEngine = {
  report: { backend: 'wasm' } as RuntimeReport,
  openModel: () => Promise.resolve({ nativeSize: 64 }),
  generate: (_, { width, height, samples = 1 }) =>
    Promise.resolve({
      images: {
        dims: [samples, 3, height, width],
        data: new Float32Array(samples * 3 * width * height),
      },
      latents: { dims: [samples, 4, 8, 8], data: new Float32Array(samples * 256) },
      warnings: [],
    }),
  enlarge: (_, { picture: { width, height }, scale }) =>
    Promise.resolve(blankPicture(width * scale, height * scale, 3)),
  hints: (control) => Promise.resolve([...control]),
  describePrompt: () => Promise.reject(new Error('nobody asks for it')),
  judge: () => Promise.reject(new Error('nobody asks for it')),
  unload: () => Promise.resolve(),
  memory: () => ({ residentBytes: 0, uploadedBytes: 0 }),
  dispose: () => Promise.resolve(),
};

function client(): Client {
  return new Client(() => Promise.resolve(engine), shippedManifest(), undefined, {
    storage: browserStorage(name),
    links: servedLinks(),
  });
}

describe('the storage of a browser', () => {
  test('keeps numbers, jobs and pictures for the next page', async () => {
    const body = JSON.stringify({ prompt: 'a cat', width: 64, height: 64 });
    const drawn = await client().fetch('/api/v4/dreambooth', { method: 'POST', body });
    const { id, output } = (await drawn.json()) as { id: number; output: [string] };
    const later = client();
    const fetched = await later.fetch(`/api/v3/fetch/${id}`);
    expect(await fetched.json()).toEqual({ status: 'success', id, output });
    const picture = await (await later.fetch(output[0])).blob();
    expect(picture.type).toBe('image/png');
    expect(await decodeImage(picture, 'output')).toMatchObject({ width: 64, height: 64 });
    const again = await later.fetch('/api/v4/dreambooth', { method: 'POST', body });
    expect(((await again.json()) as { id: number }).id).toBeGreaterThan(id);
  });

  test('gives two queues at once no number twice', async () => {
    const first = new JobQueue({ storage: browserStorage(name) });
    const second = new JobQueue({ storage: browserStorage(name) });
    const kept = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? first : second).keep([], { note: {} })),
    );
    expect(new Set(kept).size).toBe(10);
  });

  test('says of a job whose page is gone that it was interrupted, but not while that lives', async () => {
    const presence = tabPresence();
    expect(presence).toBeDefined();
    const owner = presence?.owner ?? '';
    await vi.waitFor(async () => {
      expect(await presence?.isAlive(owner)).toBe(true);
    });
    expect(await presence?.isAlive('nobody')).toBe(false);
    const storage = browserStorage(name);
    const queue = new JobQueue({ storage, ...(presence === undefined ? {} : { presence }) });
    const never = { note: {}, estimate: () => 1, run: () => new Promise<never>(() => undefined) };
    const { id = 0 } = (await queue.submit(never)) ?? {};
    const other = new JobQueue({
      storage,
      presence: { owner: 'other', isAlive: presence?.isAlive ?? (() => Promise.resolve(false)) },
    });
    expect((await other.find(id))?.state).toBe('processing');
    const alone = new JobQueue({ storage });
    expect(await alone.find(id)).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('interrupted') as string,
    });
  });
});

test('a page gets its pictures as object URLs', async () => {
  const page = new Client(() => Promise.resolve(engine), shippedManifest());
  const reply = await page.textToImage({ prompt: 'a cat', output_format: 'jpeg' });
  const [url = ''] = reply.status === 'success' ? reply.output : [];
  expect(url).toMatch(/^blob:/);
  expect((await (await fetch(url)).blob()).type).toBe('image/jpeg');
  URL.revokeObjectURL(url);
});

test('a canvas writes JPEG that the browser reads', async () => {
  const picture = blankPicture(16, 16, 3);
  picture.data.fill(200);
  const read = await decodeImage(await encodeJpeg(picture), 'init_image');
  expect(Math.abs((read.data[0] ?? 0) - 200)).toBeLessThan(4);
});
