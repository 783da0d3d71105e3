/**
 * `npm run bench -- full-size-page --path FILE [--model sd15|sdxl] [--backend webgpu|wasm] [--steps N] [--memory GB] [--bits 16|8|4]
 * [--download-only]`: a single file of real size, which `full-size-model` wrote, through the built page in Chromium: added to
 * the shelf by its address, downloaded from a server on this machine into the browser's own storage, drawn with at 64x64 pixels
 * and compared with the picture of diffusers; seconds, bytes, and the peak memory of each of the browser's processes, those that
 * ended on the way included. Without a GPU, WebGPU is SwiftShader.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright';

import { decodePng } from '../src/image/png-decoder.ts';
import { draw, serveStudio } from '../test/support/studio.ts';
import { CHROMIUM_FLAGS } from '../tools/chromium-flags.ts';
import { findChromium } from '../tools/find-chromium.mjs';
import { serveFolder } from './support/file-server.ts';
import { distanceFromDiffusers, FULL_SIZE_REQUEST } from './support/full-size-picture.ts';
import { megabytes } from './support/memory.ts';
import { watchProcesses } from './support/process-memory.ts';

const { values } = parseArgs({
  options: {
    path: { type: 'string' },
    model: { type: 'string', default: 'sd15' },
    backend: { type: 'string', default: 'webgpu' },
    steps: { type: 'string', default: String(FULL_SIZE_REQUEST.steps) },
    /** What the page is told of the machine, in GB; 2, 4, 8, 12, 16 or 24. */
    memory: { type: 'string', default: '16' },
    bits: { type: 'string', default: 'auto' },
    'download-only': { type: 'boolean', default: false },
  },
});
const { path, model, backend, steps } = values;
if (path === undefined || (model !== 'sd15' && model !== 'sdxl'))
  throw new Error('--path is a file that full-size-model wrote, and --model is sd15 or sdxl');

const [studio, files] = await Promise.all([serveStudio(), serveFolder(dirname(path))]);
const profile = await mkdtemp(join(tmpdir(), 'local-diffusion-profile-'));
const executablePath = findChromium();
// A profile on disk: the storage of a private window is in memory.
const context = await chromium.launchPersistentContext(profile, {
  args: [...CHROMIUM_FLAGS],
  ...(executablePath === undefined ? {} : { executablePath }),
});
const peaks = watchProcesses();
const page = await context.newPage();
await page.addInitScript(
  ([memory, bits]) => {
    localStorage.setItem('local-diffusion.memory', memory);
    localStorage.setItem('local-diffusion.weight-bits', bits);
  },
  [values.memory, values.bits] as const,
);
page.setDefaultTimeout(0);
page.on('console', (message) => {
  if (message.type() === 'error') console.log(`console: ${message.text()}`);
});
try {
  let seconds = stopwatch();
  await page.goto(`${studio.url}?backend=${backend}&software=1`);
  await page.locator('#engine:not([data-state=starting])').waitFor();
  console.log(`engine: ${await page.textContent('#engine-name')}, ready in ${seconds()} s`);
  seconds = stopwatch();
  await addToShelf(page, files.url + basename(path));
  console.log(`downloaded in ${seconds()} s, ${megabytes(files.bytesSent())} MB sent`);
  printPeaks();
  if (!values['download-only']) await drawOne(page);
} finally {
  await context.close();
  await studio.close();
  files.close();
  await rm(profile, { recursive: true, force: true });
}
process.exit(0);

async function addToShelf(on: Page, address: string): Promise<void> {
  await on.click('#open-shelf');
  await on.fill('#shelf-address', address);
  await on.locator('#shelf-add').getByRole('button', { name: 'Add' }).click();
  const name = basename(address, '.safetensors');
  await on.getByRole('button', { name: `Download ${name}`, exact: true }).click();
  await on.getByRole('button', { name: `Use ${name}`, exact: true }).click();
  await on.locator('#shelf').waitFor({ state: 'hidden' });
}

async function drawOne(on: Page): Promise<void> {
  const { prompt, width, height, guidanceScale, seed, scheduler } = FULL_SIZE_REQUEST;
  const size = `${width}x${height}`;
  // The page offers the sizes that a model is good at; this one is for a renderer on the CPU.
  await on.locator('#size').evaluate((select, value) => {
    (select as HTMLSelectElement).append(new Option(value, value));
  }, size);
  await on.evaluate(() => document.querySelector('#settings')?.setAttribute('open', ''));
  await on.selectOption('#size', size);
  await on.selectOption('#scheduler', scheduler);
  const seconds = stopwatch();
  const fields = {
    prompt,
    num_inference_steps: steps,
    guidance_scale: String(guidanceScale),
    seed: String(seed),
  };
  try {
    await draw(on, fields, 0);
    console.log(`drawn in ${seconds()} s, ${steps} steps at ${size}`);
  } finally {
    console.log(`${seconds()} s after it was asked for:`);
    printPeaks();
  }
  const png = await on
    .locator('.frame img')
    .first()
    .evaluate(async (image) => {
      const reply = await fetch((image as HTMLImageElement).src);
      return [...new Uint8Array(await reply.arrayBuffer())];
    });
  if (Number(steps) !== FULL_SIZE_REQUEST.steps) return;
  const picture = await decodePng(Uint8Array.from(png));
  const { mean, largest } = await distanceFromDiffusers(picture, model as 'sd15' | 'sdxl');
  console.log(`levels of 255 from diffusers: ${mean.toFixed(3)} in the mean, ${largest} at most`);
}

function printPeaks(): void {
  for (const { kind, peakBytes, hasEnded } of peaks().filter((each) => each.peakBytes > 2e8))
    console.log(
      `  peak of a ${kind} process${hasEnded ? ', gone now' : ''}: ${megabytes(peakBytes)} MB`,
    );
}

function stopwatch(): () => string {
  const began = performance.now();
  return () => ((performance.now() - began) / 1000).toFixed(0);
}
