/**
 * The page as people use it: built, served under its content security policy, in Chromium, on wasm and on WebGPU.
 */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode } from 'fast-png';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { colourfulness } from '../support/picture-measures.ts';
import {
  complaintsOf,
  draw,
  fill,
  openPage,
  openStudio,
  overflow,
  pixels,
  violations,
  type Studio,
} from '../support/studio.ts';

const WASM = '?backend=wasm';
/** Two evaluations of the network at guidance 1: SwiftShader takes its time. */
const QUICK = {
  prompt: 'a flat cat face on a blue background',
  num_inference_steps: '2',
  guidance_scale: '1',
  seed: '7',
};

let studio: Studio;
/** A server that lets no other origin read what it has. */
let stranger: Server;

beforeAll(async () => {
  studio = await openStudio();
  const picture = await readFile(
    new URL('../../demo/examples/emoji-64/a-crying-face.png', import.meta.url),
  );
  stranger = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'image/png' }).end(picture);
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  stranger?.close();
  await studio?.close();
});

describe('a person who draws', () => {
  const pictures: number[][] = [];

  test.each(['wasm', 'webgpu'])(
    'gets a picture on %s, and a second one without loading weights again',
    async (backend) => {
      const page = await openPage(studio, `?backend=${backend}&software=1`);
      const complaints = complaintsOf(studio, page);
      const told = await watchProgress(page);
      await draw(page, QUICK);
      expect(await page.getAttribute('#engine', 'title')).toMatch(new RegExp(backend, 'i'));
      pictures.push(await pixels(page));
      expect(await page.textContent('.picture-seed')).toBe('Seed 7');

      const values = await told();
      expect(values.length).toBeGreaterThan(3);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      expect(values.at(-1)).toBe(100);

      const sent = await weightsSent(page);
      expect(sent).toBeGreaterThan(1e6);
      await draw(page, { ...QUICK, seed: '8' });
      expect(await weightsSent(page)).toBe(sent);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('gets the same picture on both', () => {
    const [a = [], b = []] = pictures;
    expect(a.length).toBe(64 * 64 * 4);
    expect(Math.max(...a) - Math.min(...a)).toBeGreaterThan(50);
    const difference = a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0);
    expect(difference / a.length).toBeLessThan(2);
  });
});

describe('the page on wasm', () => {
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    page = await openPage(studio, WASM);
    complaints = complaintsOf(studio, page);
  });

  afterAll(() => page?.close());

  test('stops within one step when Escape is pressed, and draws the next picture', async () => {
    await fill(page, { ...QUICK, num_inference_steps: '100' });
    await page.evaluate(() => {
      const steps: string[] = [];
      Object.assign(window, { steps });
      const jobs = document.querySelector('#jobs') as HTMLElement;
      const note = (): void => {
        const text = document.querySelector('.job-phase')?.textContent ?? '';
        const step = /^Step (\d+)/.exec(text)?.[1];
        if (step === undefined || steps.at(-1) === step) return;
        steps.push(step);
        if (Number(step) !== 3) return;
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
      };
      new MutationObserver(note).observe(jobs, { subtree: true, childList: true });
    });
    await page.click('#draw');
    await page.locator('#status', { hasText: 'Cancelled' }).waitFor({ state: 'attached' });
    const steps = await page.evaluate(() => (window as unknown as { steps: string[] }).steps);
    expect(Number(steps.at(-1))).toBeLessThanOrEqual(4);
    expect(await page.locator('.job').count()).toBe(0);
    await draw(page, QUICK);
    expect(await page.locator('.job').count()).toBe(1);
  });

  test('saves a PNG that holds how it was made', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.save')]);
    expect(download.suggestedFilename()).toBe('a-flat-cat-face-on-a-blue-background-7.png');
    const { width, height, text } = decode(await readFile(await download.path()));
    expect([width, height]).toEqual([64, 64]);
    expect(text?.['parameters']).toMatch(
      /^a flat cat face on a blue background\nSteps: 2, Sampler: UniPC.*Seed: 7.*Model: emoji-64/,
    );
  });

  test('says beside its field what is wrong with it', async () => {
    await fill(page, { ...QUICK, seed: 'abc' });
    await page.keyboard.press('Control+Enter');
    const error = page.locator('[data-field=seed] .error');
    await error.waitFor();
    expect(await error.textContent()).toContain('must be a whole number');
    expect(await page.getAttribute('#seed', 'aria-invalid')).toBe('true');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('seed');
    await page.fill('#seed', '1');
    expect(await error.isHidden()).toBe(true);
  });

  test('starts from a picture of the gallery, four at a time', async () => {
    await page.locator('.use-image').first().click();
    await page.check('[name=samples][value="4"]');
    await draw(page, { ...QUICK, strength: '0.5' });
    expect(await page.textContent('.job-facts')).toContain('strength 0.5');
    const seeds = await page.locator('.job').first().locator('.picture-seed').allTextContents();
    expect(seeds).toEqual(['Seed 7', 'Seed 8', 'Seed 9', 'Seed 10']);
    await page.click('#remove-image');
    expect(await page.isHidden('#strength')).toBe(true);
  });

  test('draws with a LoRA as strong as was asked', async () => {
    const strength = page.getByRole('spinbutton', { name: 'Strength of Ink sketch' });
    expect(await strength.isHidden()).toBe(true);
    await draw(page, QUICK);
    const plain = await pixels(page);
    await page.getByLabel('Ink sketch', { exact: true }).check();
    await strength.fill('0');
    await draw(page, QUICK);
    expect(await pixels(page)).toEqual(plain);
    await strength.fill('1');
    await draw(page, QUICK);
    expect(colourfulness(await pixels(page), 4)).toBeLessThan(colourfulness(plain, 4) / 2);
    await page.getByLabel('Ink sketch', { exact: true }).uncheck();
    expect(await strength.isHidden()).toBe(true);
  });

  test('keeps its settings from visit to visit', async () => {
    await fill(page, { ...QUICK, guidance_scale: '3.5', negative_prompt: 'blurry' });
    await page.selectOption('#scheduler', 'LCMScheduler');
    await page.reload();
    expect(await page.inputValue('#guidance_scale')).toBe('3.5');
    expect(await page.inputValue('#negative_prompt')).toBe('blurry');
    expect(await page.inputValue('#seed')).toBe('7');
    expect(await page.inputValue('#scheduler')).toBe('LCMScheduler');
    await page.click('#defaults');
    expect(await page.inputValue('#guidance_scale')).toBe('4');
  });

  test('has complained of nothing, and asked nobody else for anything', () => {
    expect(complaints).toEqual([]);
  });

  test('names the field when another origin forbids to read the start image', async () => {
    const { port } = stranger.address() as AddressInfo;
    await fill(page, QUICK);
    await page.click('#by-address');
    await page.fill('#address', `http://127.0.0.1:${port}/face.png`);
    await page.keyboard.press('Enter');
    await page.click('#draw');
    const error = page.locator('#init_image-error');
    await error.waitFor();
    const text = await error.textContent();
    expect(text).toContain('init image');
    expect(text).toContain('does not allow other origins to read it (CORS). Send the image itself');
  });
});

test('its headers stand in "304 Not Modified", too, by which WebKit judges the script of a worker', async () => {
  const { headers } = await fetch(studio.url);
  const again = await fetch(studio.url, {
    headers: { 'If-None-Match': headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
  expect(again.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(again.headers.get('content-security-policy')).toContain('script-src');
});

describe('the page’s layout', () => {
  test('fits a phone, empty and with pictures', async () => {
    const page = await openPage(studio, WASM, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
    });
    expect(await overflow(page)).toBe(0);
    await page.locator('#examples button').first().click();
    await page.locator('.job:not(.is-drawing)').waitFor();
    await fill(page, {
      prompt: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamten',
    });
    expect(await overflow(page)).toBe(0);
    await page.close();
  });

  test.each(['light', 'dark'] as const)('passes axe in %s colours', async (colorScheme) => {
    const page = await openPage(studio, WASM, {
      colorScheme,
      bypassCSP: true,
      reducedMotion: 'reduce',
    });
    expect(await violations(page)).toEqual([]);
    await page.click('#engine summary');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await draw(page, QUICK);
    await page.fill('#seed', 'abc');
    await page.click('#draw');
    await page.locator('#seed-error').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.close();
  });
});

/** Notes every value of the first drawing's progress bar; the function returned gives them once the last is there. */
async function watchProgress(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(() => {
    const values: number[] = [];
    Object.assign(window, { progressValues: values });
    const jobs = document.querySelector('#jobs') as HTMLElement;
    new MutationObserver((records) => {
      for (const { target, attributeName } of records) {
        if (attributeName === null) continue;
        values.push(Number((target as HTMLElement).getAttribute(attributeName)));
      }
    }).observe(jobs, { subtree: true, attributeFilter: ['aria-valuenow'] });
  });
  return async () => {
    await page.locator('[aria-valuenow="100"]').first().waitFor({ state: 'attached' });
    return page.evaluate(() => (window as unknown as { progressValues: number[] }).progressValues);
  };
}

/** Bytes of weights that were sent to the device, as the page shows them. */
async function weightsSent(page: Page): Promise<number> {
  return Number(await page.getAttribute('[data-fact="Weights sent"] data', 'value'));
}
