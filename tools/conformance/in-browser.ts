/**
 * Runs the cases of test/goldens in Chromium, on a build of onnxruntime-web that Node may not be able to run (JSPI).
 */

import { createServer } from 'vite';

import { chromium } from 'playwright';
import { CHROMIUM_FLAGS } from '../chromium-flags.ts';
import { findChromium } from '../find-chromium.mjs';
import { isolationHeaders } from '../isolation-headers.ts';
import type { BrowserConformance, BrowserOutcome } from './browser.worker.ts';

/** Prints a line a case and the counts; whether all passed. */
export async function runInBrowser(
  build: 'wasm' | 'jspi' | 'asyncify',
  { files, only }: { files: readonly string[]; only: string },
): Promise<boolean> {
  const server = await createServer({
    configFile: false,
    logLevel: 'error',
    server: { port: 0, headers: isolationHeaders, hmr: false, watch: null },
    optimizeDeps: { exclude: ['onnxruntime-web'] },
    worker: { format: 'es' },
    appType: 'mpa',
  });
  await server.listen();
  const [address = ''] = server.resolvedUrls?.local ?? [];
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: [...CHROMIUM_FLAGS],
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on('console', (message) => {
      if (/^(pass|FAIL|unfit)/.test(message.text())) console.log(message.text());
    });
    await page.goto(`${address}tools/conformance/browser.html`);
    const asked: BrowserConformance = {
      only,
      files,
      ...(build === 'wasm' ? { backend: 'wasm' } : { backend: 'webgpu', build }),
    };
    const outcome = await page.evaluate(
      (all) => (globalThis as unknown as { run: Run }).run(all),
      asked,
    );
    console.log(`backend: ${outcome.report}, in Chromium`);
    console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
    return outcome.failed === 0 && outcome.passed > 0;
  } finally {
    await browser.close();
    await server.close();
  }
}

/** What the page offers. */
type Run = (asked: BrowserConformance) => Promise<BrowserOutcome>;
