/**
 * The engine in an installed Chrome, Edge or Chromium: its WebGPU reaches GPUs that Node's does not.
 *
 * The browser has no window and opens one page, which holds the package as `npm run build` makes it. Calls go there and back
 * as plain data. The page gets nothing but the package's files, from a server of its own on loopback.
 */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import process from 'node:process';
import { chromium, type Browser, type LaunchOptions, type Page } from 'playwright';

import type { DrawingEngine } from '../../src/api/engine-artist.ts';
import type { EngineOptions } from '../../src/engine/engine.ts';
import { fromWireError, type WireError } from '../../src/protocol/wire.ts';
import type { RuntimeReport } from '../../src/runtime/report.ts';
import { findChromium } from '../find-chromium.mjs';
import { isolationHeaders } from '../isolation-headers.ts';

/** Options of {@link startBrowserEngine}. */
export type BrowserEngineOptions = Pick<
  EngineOptions,
  'backend' | 'allowSoftware' | 'memoryBytes'
> & {
  /** Told when the browser ends by itself. */
  readonly onGone: () => void;
  readonly log: (text: string) => void;
  /** Further flags for the browser. */
  readonly flags?: readonly string[];
};

const FILES = join(import.meta.dirname, '../../dist/browser');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** What the page answers a call with. */
type PageReply = { readonly value: unknown } | { readonly error: WireError };

/** What the page has, beside what every page has. */
type EnginePage = {
  call(id: number, method: string, args: readonly unknown[]): Promise<PageReply>;
  abort(id: number): void;
};

/** The one page; its script is a file beside this one. */
const PAGE =
  '<!doctype html><title>Engine</title><script type="module" src="/engine-page.js"></script>';

/** Starts a browser and the engine in it. Rejects where there is no browser, or no GPU in it that computes right. */
export async function startBrowserEngine({
  onGone,
  log,
  flags = [],
  ...options
}: BrowserEngineOptions): Promise<DrawingEngine> {
  const files = await serveFiles();
  const browser = await launched(
    [...flagsFor(options.allowSoftware === true), ...flags],
    log,
  ).catch((error: unknown) => {
    files.close();
    throw error;
  });
  let isEnding = false;
  browser.on('disconnected', () => {
    files.close();
    if (!isEnding) onGone();
  });
  const end = async (): Promise<void> => {
    isEnding = true;
    await browser.close();
  };
  try {
    const page = await browser.newPage();
    const { port } = files.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/`);
    return await engineOf(page, options, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function engineOf(
  page: Page,
  start: EngineOptions,
  end: () => Promise<void>,
): Promise<DrawingEngine> {
  const listeners = new Map<number, (progress: never) => void>();
  await page.exposeFunction('tell', (id: number, progress: unknown) => {
    listeners.get(id)?.(progress as never);
  });
  let calls = 0;
  const call = async (
    method: string,
    args: readonly unknown[],
    { signal, onProgress }: Parameters<DrawingEngine['generate']>[2] = {},
  ): Promise<unknown> => {
    signal?.throwIfAborted();
    const id = calls++;
    if (onProgress !== undefined) listeners.set(id, onProgress);
    const abort = (): void => {
      page
        .evaluate((each) => (globalThis as unknown as EnginePage).abort(each), id)
        .catch(() => undefined);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const reply = await page.evaluate(
        (sent) => (globalThis as unknown as EnginePage).call(sent.id, sent.method, sent.args),
        { id, method, args },
      );
      return valueOf(reply);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', abort);
      listeners.delete(id);
    }
  };
  const report = (await call('start', [start])) as RuntimeReport;
  const engine = {
    report,
    openModel: (entry, options) => call('openModel', [entry], { signal: options?.signal }),
    generate: (id, request, options) => call('generate', [id, request], options),
    hints: (control, options) => call('hints', [control], { signal: options?.signal }),
    describePrompt: (entry, prompt, options) => call('describePrompt', [entry, prompt, options]),
    unload: (id) => call('unload', [id]),
    memory: () => call('memory', []),
    judge: (entries) => call('judge', [entries]),
    dispose: end,
  } as DrawingEngine;
  return engine;
}

function valueOf(reply: PageReply): unknown {
  if ('error' in reply) throw fromWireError(reply.error);
  return reply.value;
}

/** The first browser that starts: one that is installed, named by CHROMIUM_PATH or found by its usual place. */
async function launched(args: string[], log: (text: string) => void): Promise<Browser> {
  const path = findChromium();
  const places: LaunchOptions[] = [
    ...(path === undefined ? [] : [{ executablePath: path }]),
    { channel: 'chrome' },
    { channel: 'msedge' },
  ];
  const problems: string[] = [];
  for (const place of places) {
    const name = place.executablePath ?? place.channel ?? '';
    try {
      const browser = await chromium.launch({
        ...place,
        args,
        // Chromium refuses to sandbox for root.
        chromiumSandbox: process.getuid?.() !== 0,
      });
      log(`Browser: ${name}, version ${browser.version()}`);
      return browser;
    } catch (error) {
      const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      problems.push(`${name}: ${reason}`);
    }
  }
  throw new Error(
    `No browser could be started; install Chrome, Edge or Chromium, or name one in CHROMIUM_PATH.\n${problems.join('\n')}`,
  );
}

function flagsFor(isSoftware: boolean): string[] {
  return [
    '--enable-unsafe-webgpu',
    '--ignore-gpu-blocklist',
    ...(process.platform === 'linux' ? ['--enable-features=Vulkan'] : []),
    ...(isSoftware ? ['--use-webgpu-adapter=swiftshader'] : []),
  ];
}

/** Serves the package's files to the browser, on loopback. */
function serveFiles(): Promise<Server> {
  const server = createServer((request, response) => {
    const pathname = normalize((request.url ?? '/').replace(/\?.*$/s, ''));
    const send = (status: number, type: string, body: string | Buffer): void => {
      response.writeHead(status, { ...isolationHeaders, 'content-type': type });
      response.end(body);
    };
    if (pathname === sep) {
      send(200, 'text/html', PAGE);
      return;
    }
    const isScript = pathname === `${sep}engine-page.js`;
    readFile(join(isScript ? import.meta.dirname : FILES, pathname)).then(
      (body) => send(200, TYPES[extname(pathname)] ?? 'application/octet-stream', body),
      () => send(404, 'text/plain', ''),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
