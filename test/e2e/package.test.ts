/**
 * The package as `npm pack` makes it, where developers use it: each app draws in Chromium, none configures anything.
 */

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Browser } from 'playwright';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { isolationHeaders } from '../../tools/isolation-headers.ts';
import { installApp, type InstalledApp } from './support/installed-app.ts';
import { serveFolder, startVite, type Site } from './support/site.ts';
import { launch, visit, type Visit } from './support/visit.ts';

const MANUAL = await readFile(join(import.meta.dirname, '../../docs/embedding.md'), 'utf8');
/** A server of files as the manual calls it. */
const ELSEWHERE = 'https://files.example.com';
const ALLOWED = { 'Access-Control-Allow-Origin': '*' };

let app: InstalledApp;
let browser: Browser;
const sites: Site[] = [];

beforeAll(async () => {
  [app, browser] = await Promise.all([
    installApp(['vite@8', 'vite-7@npm:vite@7', 'webpack@5', 'webpack-cli@7', 'esbuild@0']),
    launch({ webgpu: false }),
  ]);
});

afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

afterAll(async () => {
  await browser?.close();
  await app?.remove();
});

async function opened(site: Promise<Site>): Promise<string> {
  const started = await site;
  sites.push(started);
  return started.url;
}

/** The blocks of code in one language that the manual shows. */
function shown(language: string): string[] {
  const blocks = MANUAL.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, code = '']) => code);
}

/** The policy that the manual shows for files on the page's own server, or elsewhere; this page also has a data: icon. */
function policy(where: 'here' | 'elsewhere'): Readonly<Record<string, string>> {
  const found = shown('text').filter((text) => text.startsWith('default-src'));
  const text = found.find((each) => each.includes(ELSEWHERE) === (where === 'elsewhere'));
  return { 'Content-Security-Policy': `${text?.trim()} data:` };
}

/** Serves the package's files from an origin of their own. */
function packageElsewhere(): Promise<string> {
  const files = join(app.folder, 'node_modules/local-diffusion/dist/browser');
  return opened(serveFolder(files, ALLOWED));
}

/** Serves a page that imports the package's module by its address at another origin. */
async function plainPage(
  address: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = join(app.folder, 'plain');
  await mkdir(folder, { recursive: true });
  await cp(join(app.folder, 'index.html'), join(folder, 'index.html'));
  const script = await readFile(join(app.folder, 'main.js'), 'utf8');
  await writeFile(
    join(folder, 'main.js'),
    script.replace("from 'local-diffusion'", `from '${address}local-diffusion.js'`),
  );
  return opened(serveFolder(folder, headers));
}

function expectAlike(a: Visit, b: Visit): void {
  const difference = a.pixels.reduce(
    (sum, value, i) => sum + Math.abs(value - (b.pixels[i] ?? 0)),
    0,
  );
  expect(a.pixels).toHaveLength(64 * 64 * 4);
  // In steps of 255, alpha included: rounding of the picture, and of sums in another order.
  expect(difference / a.pixels.length).toBeLessThan(1);
}

describe('what npm installs', () => {
  test('is one package, without onnxruntime for Node and without sharp', async () => {
    const lock = JSON.parse(await readFile(join(app.folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, Record<string, unknown>>;
    };
    const { version, dependencies, optionalDependencies, peerDependencies } =
      lock.packages['node_modules/local-diffusion'] ?? {};
    expect(version).toBeDefined();
    expect([dependencies, optionalDependencies, peerDependencies]).toEqual(
      Array(3).fill(undefined),
    );
    const names = Object.keys(lock.packages).map((path) => basename(path));
    expect(names.filter((name) => /^(onnxruntime|sharp)/.test(name))).toEqual([]);
  });

  test('holds each build of onnxruntime-web once', () => {
    const builds = app.installed
      .map((path) => basename(path))
      .filter((name) => name.startsWith('ort'));
    expect(builds.toSorted()).toEqual([
      'ort-wasm-simd-threaded.asyncify.wasm.gz.bin',
      'ort-wasm-simd-threaded.jspi.wasm.gz.bin',
      'ort-wasm-simd-threaded.wasm.gz.bin',
      'ort.jspi.js',
      'ort.wasm.js',
      'ort.webgpu.js',
    ]);
  });

  test('has types that need no other package', () => {
    const program = ts.createProgram([join(app.folder, 'main.js')], {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowJs: true,
      checkJs: true,
      strict: true,
      skipLibCheck: false,
      types: [],
      noEmit: true,
    });
    const messages = ts
      .getPreEmitDiagnostics(program)
      .map(
        ({ file, messageText }) =>
          `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      );
    expect(messages).toEqual([]);
  });
});

describe('a picture is drawn', () => {
  let first: Visit;

  test('in an app that Vite builds, the CPU alone and no option set', async () => {
    await app.run('vite', 'build');
    first = await visit(browser, await opened(serveFolder(join(app.folder, 'dist'))));
    expect(first.report).toMatch(/^wasm on the CPU, 1 thread/);
    expect(first.wasm).toHaveLength(1);
    const [red, green] = [first.pixels[0] ?? 0, first.pixels[1] ?? 0];
    expect(green - red).toBeGreaterThan(20);
  });

  test.each(['vite', 'vite-7'])('in development with %s', async (name) => {
    const drawn = await visit(browser, await opened(startVite(app.folder, name)));
    expect(drawn.wasm).toEqual(['ort-wasm-simd-threaded.wasm.gz.bin']);
    expectAlike(drawn, first);
  });

  test('in an app that webpack builds, isolated, under a strict policy, with threads', async () => {
    await app.run('webpack', '--mode', 'production', '--entry', './main.js', '-o', 'built');
    await cp(join(app.folder, 'index.html'), join(app.folder, 'built/index.html'));
    const headers = { ...isolationHeaders, ...policy('here') };
    const url = await opened(serveFolder(join(app.folder, 'built'), headers));
    const drawn = await visit(browser, url, { threads: 2 });
    expect(drawn.report).toMatch(/^wasm on the CPU, 2 threads/);
    expectAlike(drawn, first);
  });

  test('in an app that esbuild builds, the files copied beside it', async () => {
    const folder = join(app.folder, 'public');
    await app.run('esbuild', 'main.js', '--bundle', '--format=esm', `--outfile=${folder}/main.js`);
    await cp(join(app.folder, 'node_modules/local-diffusion/dist/browser'), folder, {
      recursive: true,
    });
    await cp(join(app.folder, 'index.html'), join(folder, 'index.html'));
    const drawn = await visit(browser, await opened(serveFolder(folder)));
    expect(drawn.wasm).toEqual(['ort-wasm-simd-threaded.wasm.gz.bin']);
    expectAlike(drawn, first);
  });

  test('from plain modules of another origin, the WebAssembly from where the page says', async () => {
    const runtime = await opened(
      serveFolder(join(import.meta.dirname, '../../node_modules/onnxruntime-web/dist'), ALLOWED),
    );
    const page = await plainPage(await packageElsewhere(), isolationHeaders);
    const drawn = await visit(browser, page, { wasmPaths: runtime, threads: 2 });
    // Isolated or not: no thread can be started from another origin.
    expect(drawn.report).toMatch(/^wasm on the CPU, 1 thread/);
    expect(drawn.wasm).toEqual(['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']);
    expectAlike(drawn, first);
  });

  test('from plain modules of another origin, by WebGPU', async () => {
    const url = await plainPage(await packageElsewhere());
    const withGpu = await launch({ webgpu: true });
    try {
      const drawn = await visit(withGpu, url, {
        backend: 'webgpu',
        allowSoftware: true,
        setting: { spelling: 'webgpu', precision: 'float32' },
      });
      expect(drawn.report).toMatch(/^WebGPU .* jspi build/);
      expect(drawn.wasm).toEqual(['ort-wasm-simd-threaded.jspi.wasm.gz.bin']);
      expectAlike(drawn, first);
    } finally {
      await withGpu.close();
    }
  });

  test('or the call fails, saying why, when the worker cannot be loaded', async () => {
    const folder = join(app.folder, 'incomplete');
    await mkdir(folder);
    await cp(
      join(app.folder, 'node_modules/local-diffusion/dist/browser/local-diffusion.js'),
      join(folder, 'local-diffusion.js'),
    );
    const library = await opened(serveFolder(folder, ALLOWED));
    const page = await plainPage(library);
    await expect(visit(browser, page)).rejects.toThrow(/worker could not start/);
  });
});

describe('the manual', () => {
  test('shows one program, by name and by address', () => {
    const [byName = ''] = shown('js');
    const [page = ''] = shown('html');
    const [, script = ''] = /<script type="module">\n(.*?) *<\/script>/s.exec(page) ?? [];
    const byAddress = script.replace(`${ELSEWHERE}/local-diffusion.js`, 'local-diffusion');
    expect(byAddress.replace(/^ {6}/gm, '')).toBe(byName);
  });

  test('shows a page that draws, under the policy it shows for files of another origin', async () => {
    const library = await packageElsewhere();
    const located = (text: string): string => text.replaceAll(`${ELSEWHERE}/`, library);
    const origin = new URL(library).origin;
    const folder = join(app.folder, 'shown');
    await mkdir(folder);
    const [page = ''] = shown('html');
    // The policy is for a page whose own script is a file.
    const [element = '', script = ''] = /<script type="module">(.*?)<\/script>/s.exec(page) ?? [];
    const html = page.replace(element, '<script type="module" src="main.js"></script>');
    await writeFile(join(folder, 'index.html'), html);
    await writeFile(join(folder, 'main.js'), located(script));
    const { 'Content-Security-Policy': text = '' } = policy('elsewhere');
    const headers = { 'Content-Security-Policy': text.replaceAll(ELSEWHERE, origin) };
    const opener = await browser.newPage();
    await opener.goto(await opened(serveFolder(folder, headers)));
    const picture = opener.locator('img');
    await picture.waitFor({ timeout: 120_000 });
    expect(await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(64);
    await opener.close();
  });
});
