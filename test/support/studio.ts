/**
 * The page as `npm start` shows it: built, served on this machine, and opened in a headless Chromium whose WebGPU is SwiftShader.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright';
import { build, preview } from 'vite';

import { CHROMIUM_FLAGS } from '../../tools/chromium-flags.ts';
import { findChromium } from '../../tools/find-chromium.mjs';

type Axe = typeof axe;

const ROOT = join(import.meta.dirname, '../..');

/** A page server; close it when done. */
export type StudioServer = {
  readonly url: string;
  /** Bytes that the server has sent so far. */
  readonly bytesSent: () => number;
  readonly close: () => Promise<void>;
};

/** A page server and a browser; close it when done. */
export type Studio = StudioServer & { readonly browser: Browser };

/** Builds and serves the page into a folder of its own. */
export async function serveStudio(): Promise<StudioServer> {
  const folder = await mkdtemp(join(tmpdir(), 'studio-'));
  const shared = { root: ROOT, logLevel: 'error' } as const;
  await build({ ...shared, build: { outDir: folder, emptyOutDir: true } });
  const server = await preview({
    ...shared,
    build: { outDir: folder },
    preview: { port: 0, host: '127.0.0.1' },
  });
  const sockets = new Set<Socket>();
  server.httpServer.on('connection', (socket: Socket) => sockets.add(socket));
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    bytesSent: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Builds and serves the page, and starts a browser. */
export async function openStudio(): Promise<Studio> {
  const server = await serveStudio();
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: [...CHROMIUM_FLAGS],
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  return {
    ...server,
    browser,
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/** Settings of a drawing, by the ids of their fields. */
export type Filled = Readonly<Record<string, string>>;

/** Fills the form; what is folded away is filled as well. */
export async function fill(page: Page, fields: Filled): Promise<void> {
  await page.evaluate(() => document.querySelector('#settings')?.setAttribute('open', ''));
  for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
}

/** Fills the form, draws, and waits for the picture. Throws what the page says when there is none; times are in milliseconds. */
export async function draw(page: Page, fields: Filled, timeout = 900_000): Promise<void> {
  await fill(page, fields);
  const drawn = await page.locator('.job').count();
  await page.click('#draw');
  const finished = page.locator('.job:not(.is-drawing)').nth(drawn);
  const errors = page.locator('#alert:not([hidden]), .field .error:not([hidden])');
  await finished.or(errors).first().waitFor({ timeout });
  if (await finished.isVisible()) return;
  throw new Error(`nothing was drawn: ${(await errors.allTextContents()).join(' ')}`);
}

/** A visit of its own, when the engine has started. */
export async function openPage(
  studio: Pick<Studio, 'browser' | 'url'>,
  query: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await studio.browser.newContext(options);
  const page = await context.newPage();
  await page.goto(studio.url + query);
  await page.locator('#engine:not([data-state=starting])').waitFor({ timeout: 300_000 });
  return page;
}

/** What the console complains of from now on, and what is asked of other origins. */
export function complaintsOf(studio: Pick<Studio, 'url'>, page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!/^(blob|data):/.test(url) && !url.startsWith(studio.url)) complaints.push(url);
  });
  return complaints;
}

/** A picture's pixels, RGBA; default the latest one of the gallery. */
export function pixels(page: Page, selector = '.frame img'): Promise<number[]> {
  return page
    .locator(selector)
    .first()
    .evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
      context.drawImage(image, 0, 0);
      return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
    });
}

/** Pixels by which the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}

/** What axe finds, by rule and place; the page must be opened with `bypassCSP`. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations: found } = await (window as unknown as { axe: Axe }).axe.run();
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}
