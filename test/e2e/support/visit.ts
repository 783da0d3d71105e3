/**
 * Opens an app's page in Chromium and has it draw, as test/e2e/app/main.js does.
 */

import { basename } from 'node:path';
import { chromium, type Browser } from 'playwright';

import { findChromium } from '../../../tools/find-chromium.mjs';

/** What came of a visit. */
export type Visit = {
  /** Red, green, blue and alpha of each pixel, row by row, 0 to 255. */
  readonly pixels: readonly number[];
  /** What drew, in words. */
  readonly report: string;
  /** Names of the files of WebAssembly that were fetched. */
  readonly wasm: readonly string[];
};

/** Options of the package's `createClient` that the tests set. */
export type DrawOptions = {
  readonly backend?: 'webgpu';
  readonly allowSoftware?: boolean;
  readonly setting?: { readonly spelling: 'webgpu'; readonly precision: 'float32' };
  readonly threads?: number;
  readonly wasmPaths?: string;
};

/** Starts Chromium; only with `webgpu` it has a GPU, SwiftShader's. */
export function launch({ webgpu }: { readonly webgpu: boolean }): Promise<Browser> {
  const executablePath = findChromium();
  return chromium.launch({
    args: [
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : []),
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    ...(executablePath === undefined ? {} : { executablePath }),
  });
}

/** Has the page at `url` draw its picture. */
export async function visit(
  browser: Browser,
  url: string,
  options: DrawOptions = {},
): Promise<Visit> {
  const page = await browser.newPage();
  try {
    const wasm: string[] = [];
    page.context().on('request', (request) => {
      const name = basename(new URL(request.url()).pathname);
      if (name.includes('wasm') && !name.endsWith('.js')) wasm.push(name);
    });
    await page.goto(url);
    await page.waitForFunction(() => 'drawForTest' in globalThis);
    const drawn = await page.evaluate((asked) => globalThis.drawForTest(asked), options);
    return { ...drawn, wasm };
  } finally {
    await page.close();
  }
}

declare global {
  /** What the app's page puts there. */
  function drawForTest(options: DrawOptions): Promise<Omit<Visit, 'wasm'>>;
}
