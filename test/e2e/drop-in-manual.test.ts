/**
 * docs/drop-in.md does what it says: its page draws under its policy, and its lines for workers work.
 */

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { startCloud, type Cloud } from './support/cloud.ts';
import { serveFolder, type Site } from './support/site.ts';

const ROOT = join(import.meta.dirname, '../..');
const MANUAL = await readFile(join(ROOT, 'docs/drop-in.md'), 'utf8');
const [PAGE = ''] = shown('html');
const [MAIN = '', IN_SERVICE_WORKER = '', IN_WORKER = ''] = shown('js');
const [POLICY = ''] = shown('text');

const CALL = `fetch('https://modelslab.com/api/v3/system_load', { method: 'POST' })
  .then((reply) => reply.json())`;

let cloud: Cloud;
let folder: string;
let site: Site;
let context: BrowserContext;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drop-in-'));
  await symlink(join(ROOT, 'dist/browser'), join(folder, 'local-diffusion'));
  const files = {
    'index.html': PAGE,
    // Few steps: what is tried is the page.
    'main.js': MAIN.replace('prompt,', 'prompt, num_inference_steps: 3,'),
    'empty.html': '<!doctype html><title>Nothing</title><link rel="icon" href="data:," />',
    'tag.html': PAGE.replace(/<script src="\/main.js"><\/script>/, ''),
    'app-worker.js': `${IN_SERVICE_WORKER}
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(
  event.request.url.endsWith('/own') ? new Response("the app's") : fetch(event.request)));`,
    'worker.js': `${IN_WORKER}\n${CALL}.then(postMessage);`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  [cloud, site] = await Promise.all([
    startCloud(),
    serveFolder(folder, { 'Content-Security-Policy': POLICY.trim() }),
  ]);
});

afterEach(() => context?.close());

afterAll(async () => {
  await cloud?.close();
  await site?.close();
  await rm(folder, { recursive: true });
});

/** The blocks of code in one language that the manual shows. */
function shown(language: string): string[] {
  const blocks = MANUAL.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, code = '']) => code);
}

async function open(path: string, options: { bypassCSP?: boolean } = {}): Promise<Page> {
  context = await cloud.browser.newContext(options);
  const page = await context.newPage();
  await page.goto(site.url + path);
  return page;
}

/** Waits for the picture that the page shows in the end. */
async function shownWidth(page: Page): Promise<number> {
  const picture = page.locator('img');
  await picture.waitFor({ timeout: 120_000 });
  return picture.evaluate((image) => (image as HTMLImageElement).naturalWidth);
}

test('the page shows its picture, under the policy', async () => {
  const page = await open('');
  expect(await shownWidth(page)).toBe(512);
});

test('the files may lie at another origin', async () => {
  const allowed = { 'Access-Control-Allow-Origin': '*' };
  const elsewhere = await serveFolder(join(ROOT, 'dist/browser'), allowed);
  try {
    const html = PAGE.replace('/local-diffusion/', elsewhere.url);
    await writeFile(join(folder, 'elsewhere.html'), html);
    const page = await open('elsewhere.html', { bypassCSP: true });
    expect(await shownWidth(page)).toBe(512);
  } finally {
    await elsewhere.close();
  }
});

test('the policy alone keeps calls in', async () => {
  const page = await open('empty.html');
  const result = await page.evaluate(() =>
    fetch('https://modelslab.com/api/v3/system_load', { method: 'POST' }).catch(String),
  );
  expect(result).toMatch(/Failed to fetch/);
});

test('a worker whose first line is ours is answered', async () => {
  const page = await open('tag.html');
  const reply = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const worker = new Worker('/worker.js');
        worker.addEventListener('message', ({ data }) => resolve(data));
      }),
  );
  expect(reply).toMatchObject({ status: 'ok' });
});

test("an app's service worker that imports ours answers its own calls and ours", async () => {
  // The policy would keep the call from every service worker.
  const page = await open('tag.html', { bypassCSP: true });
  await page.evaluate(() => navigator.serviceWorker.register('/app-worker.js'));
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const other = await context.newPage();
  await other.goto(`${site.url}empty.html`);
  expect(await other.evaluate(async () => (await fetch('/own')).text())).toBe("the app's");
  const reply = await other.evaluate(async () => {
    const response = await fetch('https://modelslab.com/api/v3/system_load', { method: 'POST' });
    return (await response.json()) as unknown;
  });
  expect(reply).toMatchObject({ status: 'ok' });
});

test('nothing has reached the cloud', () => {
  expect(cloud.connections()).toBe(0);
});
