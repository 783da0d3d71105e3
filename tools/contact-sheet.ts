/**
 * Draws one prompt from one seed with every sampler, in few steps, some and many, by the embedded model, and lays the
 * pictures out in docs/schedulers/contact-sheet.png. The labels are set by Chromium.
 *
 * Run: npx tsx tools/contact-sheet.ts
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright';

import { pictureFromPlanes } from '../src/image/picture.ts';
import { encodePng } from '../src/image/png.ts';
import { DiffusionModel } from '../src/models/diffusion-model.ts';
import { embeddedFolder } from '../src/models/embedded-model.ts';
import { generate } from '../src/pipelines/generate.ts';
import { startRuntime } from '../src/runtime/start.ts';
import { SAMPLER_NAMES } from '../src/samplers/registry.ts';
import { findChromium } from './find-chromium.mjs';

const REQUEST = {
  prompt: 'a glossy rocket on a yellow background',
  guidanceScale: 4,
  seed: 1,
  width: 64,
  height: 64,
  // As the API has it by default.
  wishes: { karrasSigmas: true },
} as const;
const STEP_COUNTS = [12, 25, 50] as const;
const OUTPUT = join(import.meta.dirname, '../docs/schedulers/contact-sheet.png');

const { runtime } = await startRuntime({ backend: 'wasm' });
const model = await DiffusionModel.open(runtime, embeddedFolder());

/** A picture as the address of an image. */
async function drawn(scheduler: string, steps: number): Promise<string> {
  const { width, height } = REQUEST;
  const { images } = await generate(model, { ...REQUEST, scheduler, steps });
  const planes = images.data.map((value) => value * 2 - 1);
  const png = await encodePng(pictureFromPlanes(planes, { width, height }));
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}

const cells: string[] = [];
for (const name of SAMPLER_NAMES) {
  const figures: string[] = [];
  for (const steps of STEP_COUNTS) {
    figures.push(
      `<figure><img src="${await drawn(name, steps)}"><figcaption>${steps}</figcaption></figure>`,
    );
  }
  cells.push(`<section><h2>${name.replace('Scheduler', '')}</h2>${figures.join('')}</section>`);
  console.error(name);
}
await runtime.dispose();

const STYLE = `
  body { display: grid; grid-template-columns: repeat(3, max-content); gap: 12px 20px; margin: 0; padding: 12px;
    width: max-content; background: #fff; color: #222; font: 11px/14px sans-serif; }
  section { display: grid; grid-template-columns: repeat(3, 64px); gap: 2px 4px; }
  h2 { grid-column: 1 / -1; margin: 0; font-size: 12px; }
  figure { margin: 0; text-align: center; }
  img { display: block; width: 64px; height: 64px; }`;

const executablePath = findChromium();
const browser = await chromium.launch(executablePath === undefined ? {} : { executablePath });
try {
  const page = await browser.newPage();
  await page.setContent(`<!doctype html><style>${STYLE}</style>${cells.join('')}`);
  await writeFile(OUTPUT, await page.locator('body').screenshot());
} finally {
  await browser.close();
}
process.exit(0);
