/**
 * A hint that only a network makes, in the built package: its worker fetches Transformers.js, and lends it its runtime.
 */

import { join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { blankPicture } from '../../src/image/picture.ts';
import type { Manifest } from '../../src/models/manifest.ts';
import { encodePng } from '../../src/image/png.ts';
import shipped from '../../models-manifest.json' with { type: 'json' };
import { serveFolder, type Site } from './support/site.ts';
import { launch } from './support/visit.ts';

declare global {
  /** The package, where the page has loaded it. */
  var library: typeof import('../../src/index.ts');
}

let site: Site;
let browser: Browser;

beforeAll(async () => {
  [site, browser] = await Promise.all([
    serveFolder(join(import.meta.dirname, '../..')),
    launch({ webgpu: false }),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** Grey that grows from black to white, to the right. */
async function ramp(): Promise<string> {
  const picture = blankPicture(64, 64, 3);
  picture.data.forEach((_, i) => {
    picture.data[i] = Math.round(((Math.floor(i / 3) % 64) * 255) / 63);
  });
  return Buffer.from(await encodePng(picture, {})).toString('base64');
}

test('draws after the depth that a network tells, and says which files it fetched', async () => {
  const page = await browser.newPage();
  const fetched: string[] = [];
  page.context().on('request', (request) => fetched.push(new URL(request.url()).pathname));
  await page.goto(`${site.url}package.json`);
  const annotator = {
    id: 'near',
    kind: 'annotator',
    name: 'Near',
    source: { kind: 'folder', url: `${site.url}test/goldens/tiny-annotators/depth/` },
    hint: 'depth',
    licence: 'none',
  };
  const manifest = { ...shipped, adjuncts: [...shipped.adjuncts, annotator] };
  // The first annotator of depth is asked: that of the hub is left out.
  manifest.adjuncts = manifest.adjuncts.filter(({ id }) => id !== 'depth-anything-small');
  await page.addScriptTag({
    type: 'module',
    content:
      "import * as library from '/dist/browser/local-diffusion.js'; globalThis.library = library;",
  });
  await page.waitForFunction(() => 'library' in globalThis);
  const drawn = await page.evaluate(
    async ([list = '', init_image]) => {
      const client = library.createClient({
        backend: 'wasm',
        manifest: JSON.parse(list) as Manifest,
      });
      const pixelsOf = async (fields: object): Promise<number[] | string> => {
        const reply = await client.controlnet({
          prompt: 'a flat rocket on a white background',
          controlnet_model: 'emoji-canny',
          controlnet_type: 'depth',
          init_image,
          width: 64,
          height: 64,
          num_inference_steps: 2,
          seed: 1,
          ...fields,
        });
        if (reply.status !== 'success') return JSON.stringify(reply);
        const bitmap = await createImageBitmap(await (await fetch(reply.output[0] ?? '')).blob());
        const context = new OffscreenCanvas(64, 64).getContext('2d');
        context?.drawImage(bitmap, 0, 0);
        return [...(context?.getImageData(0, 0, 64, 64).data ?? [])];
      };
      const all = [
        await pixelsOf({}),
        await pixelsOf({ auto_hint: 'no' }),
        await pixelsOf({ controlnet_type: 'canny' }),
      ];
      await client.dispose();
      return all;
    },
    [JSON.stringify(manifest), await ramp()],
  );
  await page.close();
  const distance = (a: unknown, b: unknown): number => {
    if (!Array.isArray(a) || !Array.isArray(b)) throw new Error(`${String(a)} ${String(b)}`);
    const values = a as number[];
    const sum = values.reduce((all, v, i) => all + Math.abs(v - (b[i] as number)), 0);
    return sum / values.length;
  };
  const [told, ready, edges] = drawn;
  // The nearest is the lightest: the hint is the picture itself, but for a canvas on the way. Of a ramp there are no edges.
  expect(distance(told, ready)).toBeLessThan(1);
  expect(distance(edges, ready)).toBeGreaterThan(2 * distance(told, ready));
  expect(fetched.filter((path) => path.endsWith('/transformers.js'))).toHaveLength(1);
  expect(fetched.filter((path) => path.endsWith('.wasm.gz.bin'))).toHaveLength(1);
});
