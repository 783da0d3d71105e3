/**
 * Draws what a request can say, a row for each feature, by the embedded model through the API, and lays the pictures out in
 * docs/images/features.png. The labels are set by Chromium.
 *
 * Run: npx tsx tools/feature-sheet.ts
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright';

import { Client } from '../src/api/client.ts';
import { Engine } from '../src/engine/engine.ts';
import { encodePng } from '../src/image/png.ts';
import { shippedManifest } from '../src/models/manifest.ts';
import { findChromium } from './find-chromium.mjs';

const OUTPUT = join(import.meta.dirname, '../docs/images/features.png');
const SIZE = { width: 64, height: 64 } as const;
const BASE = {
  ...SIZE,
  num_inference_steps: 20,
  guidance_scale: 4,
  scheduler: 'UniPCMultistepScheduler',
  seed: 3,
};

let latest = '';
const client = new Client(
  () => Engine.start({ backend: 'wasm' }),
  shippedManifest(),
  (png) => {
    latest = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
    return Promise.resolve('kept');
  },
);

type Kind = 'textToImage' | 'imageToImage' | 'inpaint' | 'controlnet';

/** A picture as the address of an image. */
async function drawn(kind: Kind, fields: object): Promise<string> {
  const reply = await client[kind]({ ...BASE, ...fields });
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply));
  return latest;
}

const text = (prompt: string, fields: object = {}): Promise<string> =>
  drawn('textToImage', { prompt, ...fields });

/** A mask that is white in its lower half. */
async function lowerHalf(): Promise<string> {
  const { width, height } = SIZE;
  const data = new Uint8Array(width * height * 3);
  data.fill(255, data.length / 2);
  const png = await encodePng({ ...SIZE, channels: 3, data });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}

type Cell = readonly [label: string, image: string];

async function rows(): Promise<[title: string, cells: Cell[]][]> {
  const fox = 'a glossy fox on a blue background';
  const cat = 'a flat cat face on a white background';
  const [start, source, mask] = [await text(fox), await text(cat), await lowerHalf()];
  const lora = (strength: number): Promise<string> =>
    text(fox, { lora_model: 'ink-sketch', lora_strength: String(strength) });
  const from = (strength: number): Promise<string> =>
    drawn('imageToImage', { prompt: 'a glossy panda', init_image: start, strength });
  const control = { init_image: source, controlnet_model: 'emoji-canny', auto_hint: 'yes' };
  const pig = 'a glossy pig on a pink background';
  const hintOf = async (): Promise<string> => {
    const [hint = new Blob()] = await client.hints({ ...BASE, prompt: pig, ...control });
    return `data:image/png;base64,${Buffer.from(await hint.arrayBuffer()).toString('base64')}`;
  };
  const repainted = { prompt: 'a rocket on a red background', init_image: start, mask_image: mask };
  return [
    [
      'LoRA: ink-sketch',
      [
        ['0', await lora(0)],
        ['0.5', await lora(0.5)],
        ['1', await lora(1)],
      ],
    ],
    [
      'Image to image: a panda',
      [
        ['start', start],
        ['strength 0.5', await from(0.5)],
        ['strength 0.8', await from(0.8)],
      ],
    ],
    [
      'Inpainting: a red background',
      [
        ['start', start],
        ['mask', mask],
        ['repainted', await drawn('inpaint', { ...repainted, strength: 1 })],
      ],
    ],
    [
      'ControlNet: a pig by edges',
      [
        ['picture', source],
        ['hint', await hintOf()],
        ['with it', await drawn('controlnet', { prompt: pig, ...control })],
        ['without', await text(pig)],
      ],
    ],
    [
      'Prompts',
      [
        ['[cat:rocket:0.3]', await text('a glossy [cat face:rocket:0.3] on a blue background')],
        ['cat AND panda', await text('a cat face on a green background AND a panda')],
        ['[fox|owl]', await text('a glossy [fox|owl] on a yellow background')],
      ],
    ],
  ];
}

const STYLE = `
  body { display: grid; gap: 10px; margin: 0; padding: 12px; width: max-content; background: #fff; color: #222;
    font: 11px/14px sans-serif; }
  section { display: grid; grid-template-columns: 160px repeat(4, 96px); gap: 4px 8px; align-items: center; }
  h2 { margin: 0; font-size: 12px; }
  figure { margin: 0; text-align: center; }
  img { display: block; width: 96px; height: 96px; image-rendering: pixelated; }`;

const sections = (await rows()).map(([title, cells]) => {
  const figures = cells.map(
    ([label, image]) => `<figure><img src="${image}"><figcaption>${label}</figcaption></figure>`,
  );
  return `<section><h2>${title}</h2>${figures.join('')}</section>`;
});
await client.dispose();

const executablePath = findChromium();
const browser = await chromium.launch(executablePath === undefined ? {} : { executablePath });
try {
  const page = await browser.newPage();
  await page.setContent(`<!doctype html><style>${STYLE}</style>${sections.join('')}`);
  await writeFile(OUTPUT, await page.locator('body').screenshot());
} finally {
  await browser.close();
}
process.exit(0);
