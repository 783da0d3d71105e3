/**
 * Pages written for the cloud, answered by the browser they run in: by `install.js` and by the service worker. A stand-in for
 * the cloud's hosts counts who connects to it.
 */

import type { BrowserContext, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startCloud, type Cloud } from './support/cloud.ts';
import { serveCloudSite } from './support/cloud-site.ts';
import type { Site } from './support/site.ts';

type Reply = {
  readonly status: string;
  readonly id: number;
  readonly output: readonly string[];
  readonly message: string;
  readonly fetch_result: string;
};

declare global {
  /** What the site's script puts there. */
  function drawInTheCloud(fields?: Readonly<Record<string, unknown>>): Promise<Reply>;
}

let cloud: Cloud;
let site: Site;
let context: BrowserContext;

beforeAll(async () => {
  [cloud, site] = await Promise.all([startCloud(), serveCloudSite()]);
});

afterEach(() => context?.close());

afterAll(async () => {
  await cloud?.close();
  await site?.close();
});

async function open(...names: readonly string[]): Promise<Page[]> {
  context = await cloud.browser.newContext();
  const pages: Page[] = [];
  for (const name of names) pages.push(await openAnother(name));
  return pages;
}

async function openAnother(name: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${site.url}${name}.html`);
  return page;
}

async function onePage(name: string): Promise<Page> {
  const [page] = await open(name);
  if (page === undefined) throw new Error('no page');
  return page;
}

function draw(page: Page, fields: Readonly<Record<string, unknown>> = {}): Promise<Reply> {
  return page.evaluate((asked) => globalThis.drawInTheCloud(asked), fields);
}

function drawInWorker(page: Page): Promise<Reply> {
  return page.evaluate(
    () =>
      new Promise<Reply>((resolve) => {
        const worker = new Worker('/app.js');
        worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => resolve(data));
        worker.postMessage('draw');
      }),
  );
}

/** What comes of it where a page's script shows the picture. */
function widthOf(page: Page, reply: Reply): Promise<number> {
  return page.evaluate(async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image.naturalWidth;
  }, reply.output[0] ?? '');
}

async function controlled(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
}

test('the stand-in is what a page reaches that has no script tag', async () => {
  const page = await onePage('plain');
  await expect(draw(page)).rejects.toThrow(/Failed to fetch/);
  expect(cloud.connections()).toBeGreaterThan(0);
});

describe('nothing reaches the cloud', () => {
  let before: number;

  beforeAll(() => {
    before = cloud.connections();
  });

  afterEach(() => {
    const more = cloud.connections() - before;
    if (more > 0) throw new Error(`the stand-in for the cloud was reached ${more} times`);
  });

  test('at the first load: the page gets its picture, and polls for it', async () => {
    const page = await onePage('installed');
    const reply = await draw(page, { instant_response: 'yes' });
    expect(reply).toMatchObject({ status: 'success' });
    expect(reply.output[0]).toMatch(/^blob:/);
    expect(await widthOf(page, reply)).toBe(64);
    const asText = await draw(page, { base64: 'yes' });
    const start = await page.evaluate(
      async (address) => (await (await fetch(address)).text()).slice(0, 8),
      asText.output[0] ?? '',
    );
    expect(start).toBe('iVBORw0K');
  });

  test('from workers, other tabs and images once there is a service worker', async () => {
    const page = await onePage('served');
    await controlled(page);
    const ofWorker = await drawInWorker(page);
    expect(ofWorker.status).toBe('success');
    expect(ofWorker.output[0]).toMatch(`${site.url}api/outputs/`);
    const other = await openAnother('plain');
    const reply = await draw(other);
    expect(reply.status).toBe('success');
    const failed = await other.evaluate(async () => {
      const image = new Image();
      image.src = 'https://modelslab.com/picture.png';
      return image.decode().catch(() => 'no picture');
    });
    expect(failed).toBe('no picture');
    // The address works without the page that drew, and after it.
    await page.close();
    expect(await widthOf(other, reply)).toBe(64);
    await other.goto(reply.output[0] ?? '');
    expect(await other.evaluate(() => document.contentType)).toBe('image/png');
    await other.goto(`${site.url}plain.html`);
    expect((await draw(other)).message).toMatch(/No page of this site that could draw is open/);
  });

  test('from workers that are blobs, without a service worker', async () => {
    const page = await onePage('installed');
    const replies = await page.evaluate(() => {
      const script = `fetch('https://www.modelslab.com/api/v3/system_load', { method: 'POST' })
        .then((reply) => reply.text()).then(postMessage);`;
      const blob = new Blob([script], { type: 'text/javascript' });
      const classic = URL.createObjectURL(blob);
      const module = URL.createObjectURL(blob);
      const workers = [new Worker(classic), new Worker(module, { type: 'module' })];
      for (const address of [classic, module]) URL.revokeObjectURL(address);
      return Promise.all(
        workers.map(
          (worker) =>
            new Promise<string>((resolve) => {
              worker.addEventListener('message', ({ data }: MessageEvent<string>) => resolve(data));
            }),
        ),
      );
    });
    const statuses = replies.map((reply) => (JSON.parse(reply) as Reply).status);
    expect(statuses).toEqual(['ok', 'ok']);
  });

  test('after a reload that leaves the service worker out', async () => {
    const page = await onePage('served');
    await controlled(page);
    const session = await context.newCDPSession(page);
    const loaded = page.waitForEvent('load');
    await session.send('Page.reload', { ignoreCache: true });
    await loaded;
    expect(await page.evaluate(() => navigator.serviceWorker.controller)).toBeNull();
    const reply = await draw(page);
    expect(reply.output[0]).toMatch(/^blob:/);
    expect(await widthOf(page, reply)).toBe(64);
    // Its script has an address of its own, and so it has the service worker that the page has not.
    expect((await drawInWorker(page)).status).toBe('success');
  });

  test('where base64 is wanted in the reply itself', async () => {
    const page = await onePage('inline');
    const reply = await draw(page, { base64: 'yes' });
    expect(reply.output[0]).toMatch(/^iVBORw0K/);
  });

  test.each([
    ['without-worker', /worker could not start/],
    ['without-module', /engine could not start/],
  ])('when the engine fails: %s', async (name, message) => {
    const page = await onePage(name);
    const reply = await draw(page);
    expect(reply).toMatchObject({
      status: 'error',
      message: expect.stringMatching(message) as string,
    });
  });

  test('when a page is reloaded amid its queue, which tells of every job', async () => {
    const page = await onePage('installed');
    const accepted = await page.evaluate(() =>
      Promise.all(
        [1, 2].map(async () => {
          const response = await fetch('https://stablediffusionapi.com/api/v3/text2img', {
            method: 'POST',
            body: JSON.stringify({
              prompt: 'a house',
              num_inference_steps: 100,
              instant_response: 'yes',
            }),
          });
          return (await response.json()) as Reply;
        }),
      ),
    );
    expect(accepted.map(({ status }) => status)).toEqual(['processing', 'processing']);
    await page.reload();
    for (const { fetch_result: address } of accepted) {
      const found = await page.evaluate(
        async (url) => (await (await fetch(url, { method: 'POST' })).json()) as Reply,
        address,
      );
      expect(found).toMatchObject({
        status: 'failed',
        message: expect.stringMatching(/interrupted/) as string,
      });
    }
  });

  test('from two tabs: one draws for both, and when it is closed, the other', async () => {
    const [owner, other] = await open('installed', 'installed');
    if (owner === undefined || other === undefined) throw new Error('no pages');
    const reply = await draw(other);
    expect(reply.status).toBe('success');
    expect(await widthOf(other, reply)).toBe(64);
    expect([owner.workers().length, other.workers().length]).toEqual([1, 0]);
    const unfinished = draw(other, { num_inference_steps: 20 });
    await owner.waitForTimeout(300);
    await owner.close();
    expect(await unfinished).toMatchObject({ status: 'success' });
    expect(other.workers()).toHaveLength(1);
    expect(await widthOf(other, reply)).toBe(64);
  });
});
