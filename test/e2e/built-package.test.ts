/**
 * The package as it is built, in an app as developers build it: Vite bundles both, Chromium runs the result.
 */

import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright';
import { build, preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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

let folder: string;
let server: PreviewServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/src/index.js'))) throw new Error('npm run build comes first');
  folder = await mkdtemp(join(tmpdir(), 'built-'));
  const shared = {
    configFile: false,
    root: join(import.meta.dirname, 'app'),
    logLevel: 'error',
  } as const;
  await build({
    ...shared,
    resolve: { alias: { 'local-diffusion': join(ROOT, 'dist/src/index.js') } },
    worker: { format: 'es' },
    build: { outDir: folder, emptyOutDir: true, target: 'es2023' },
  });
  server = await preview({
    ...shared,
    build: { outDir: folder },
    preview: { port: 0, host: '127.0.0.1' },
    plugins: [
      {
        name: 'models',
        configurePreviewServer: ({ middlewares }) => {
          middlewares.use('/models', (request, response) => {
            const path = join(ROOT, 'models', decodeURI(request.url ?? ''));
            if (!existsSync(path)) response.writeHead(404).end();
            else createReadStream(path).pipe(response);
          });
        },
      },
    ],
  });
  const executablePath = findChromium();
  browser = await chromium.launch({
    args: FLAGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  page = await browser.newPage();
  const [url] = server.resolvedUrls?.local ?? [];
  await page.goto(url ?? '');
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the built package in a built app, without cross-origin isolation', () => {
  const pictures: number[][] = [];

  test.each(['wasm', 'webgpu'] as const)('draws on %s', async (backend) => {
    const { dims, data, report } = await page.evaluate((kind) => window.drawForTest(kind), backend);
    expect(dims).toEqual([1, 3, 64, 64]);
    expect(report.toLowerCase()).toContain(backend);
    const spread = Math.max(...data) - Math.min(...data);
    expect(spread).toBeGreaterThan(0.2);
    pictures.push(data);
  });

  test('the two pictures of one seed are alike', () => {
    const [a = [], b = []] = pictures;
    const difference =
      a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
    expect(difference).toBeLessThan(2 / 255);
  });
});
