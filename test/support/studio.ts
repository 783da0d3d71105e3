/**
 * The page as `npm start` shows it: built, served on this machine, and opened in a headless Chromium whose WebGPU is SwiftShader.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright';
import { build, preview } from 'vite';

import { findChromium } from '../../tools/find-chromium.mjs';

const ROOT = join(import.meta.dirname, '../..');

const FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page server and a browser; close it when done. */
export type Studio = {
  readonly url: string;
  readonly browser: Browser;
  /** Bytes that the server has sent so far. */
  readonly bytesSent: () => number;
  readonly close: () => Promise<void>;
};

/** Builds and serves the page into a folder of its own, and starts the browser. */
export async function openStudio(): Promise<Studio> {
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
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: FLAGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    browser,
    bytesSent: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    close: async () => {
      await browser.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
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

/** Fills the form, draws, and waits for the picture. */
export async function draw(page: Page, fields: Filled): Promise<void> {
  await fill(page, fields);
  const drawn = await page.locator('.job').count();
  await page.click('#draw');
  await page.locator('.job:not(.is-drawing)').nth(drawn).waitFor({ timeout: 900_000 });
}
