/**
 * The shelf of models, in Chromium on wasm: adding by hub id and from disk, downloads that are paused and go on, drawing with
 * what came, and deleting it. The hub is a server on this machine.
 */

import { readFile } from 'node:fs/promises';
import type { Page, Route } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ModelServer } from '../support/model-server.ts';
import { colourfulness } from '../support/picture-measures.ts';
import {
  draw,
  openPage,
  openStudio,
  overflow,
  pixels,
  violations,
  type Studio,
} from '../support/studio.ts';

const HUB = 'https://huggingface.co';
const UNET = '/tiny/sd15/resolve/main/unet/diffusion_pytorch_model.safetensors';
const INK = new URL('../../models/ink-sketch/model.safetensors', import.meta.url);
const TINY = { prompt: 'a cat', num_inference_steps: '1', guidance_scale: '1', seed: '7' };
const EMOJI = { ...TINY, prompt: 'a flat cat face on a blue background', num_inference_steps: '2' };

let studio: Studio;
let server: ModelServer;
let page: Page;
/** What the hub waits for before it gives the VAE. */
let held: Promise<void> | undefined;
/** Without it the hub refuses; undefined: it lets everybody in. */
let token: string | undefined;

beforeAll(async () => {
  [studio, server] = await Promise.all([openStudio(), ModelServer.start()]);
  page = await openPage(studio, '?backend=wasm', { bypassCSP: true, reducedMotion: 'reduce' });
  await page.context().route(`${HUB}/**`, answerAsHub);
});

afterAll(async () => {
  await studio?.close();
  server?.stop();
});

describe('the shelf', () => {
  test('shows what is here, and how it would run, and passes axe', async () => {
    await page.click('#open-shelf');
    const emoji = card('Emoji 64');
    await emoji.getByText('Fits', { exact: true }).waitFor();
    expect(await emoji.locator('.entry-costs').textContent()).toMatch(
      /^part of the page · \d+\.\d MB of memory/,
    );
    expect(await emoji.getByText('In use').isVisible()).toBe(true);
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(await page.isVisible('#shelf')).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('open-shelf');
  });

  test('says in plain words why something cannot be added', async () => {
    await page.click('#open-shelf');
    await add(`${server.origin}/nowhere.safetensors`);
    await page.locator('#shelf-add-error', { hasText: 'has no nowhere.safetensors' }).waitFor();
    expect(await page.getAttribute('#shelf-address', 'aria-invalid')).toBe('true');
  });

  test('asks for an access token where one is needed, and adds with it', async () => {
    token = 'secret';
    await add('tiny/sd15');
    await page.locator('#token:focus').waitFor();
    expect(await page.inputValue('#token-host')).toBe('huggingface.co');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Forget the token of huggingface.co' }).waitFor();
    await page.click('#shelf-add [type=submit]');
    await card('sd15').waitFor();
    expect(await page.isHidden('#shelf-add-error')).toBe(true);
    expect(await card('sd15').getByText('Never drawn with in this project.').isVisible()).toBe(
      true,
    );
  });

  test('downloads, pauses, goes on where it was, and draws', async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const tiny = card('sd15');
    await press('Download sd15');
    await tiny.getByRole('progressbar', { name: 'Download of sd15' }).waitFor();
    await tiny.locator('.entry-transfer-text', { hasText: /^[\d.]+ MB of 1\.\d MB/ }).waitFor();
    await press('Pause sd15');
    const resume = button('Resume sd15');
    await resume.waitFor();
    expect(await resume.evaluate((element) => document.activeElement === element)).toBe(true);
    release();
    await resume.click();
    await press('Use sd15');
    await page.locator('#shelf').waitFor({ state: 'hidden' });
    await draw(page, TINY);
    expect(await page.textContent('.job-facts')).toContain('128 × 128');
    expect(server.asked.filter((path) => path === UNET).length).toBeLessThanOrEqual(2);
  });

  test('has it on the next visit, chosen, and deletes it when told twice', async () => {
    await page.reload();
    const chosen = page.locator('#model_id option:checked', { hasText: 'sd15' });
    await chosen.waitFor({ state: 'attached' });
    await page.click('#open-shelf');
    await card('sd15').getByText('on this machine').waitFor();
    await press('Remove sd15');
    await page.getByRole('button', { name: /^Remove .*sure\? sd15$/ }).click();
    await card('sd15').waitFor({ state: 'detached' });
    expect(await page.inputValue('#model_id')).toBe('emoji-64');
    await press('Close');
  });

  test('takes weights that are dropped on the page, and draws with them', async () => {
    await page.locator('#engine:not([data-state=starting])').waitFor();
    await draw(page, EMOJI);
    const plain = await pixels(page);
    await page.evaluate(
      (bytes) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([new Uint8Array(bytes)], 'my-ink.safetensors'));
        document.body.dispatchEvent(
          new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }),
        );
      },
      [...(await readFile(INK))],
    );
    await press('Use my-ink');
    await button('Do not use my-ink').waitFor();
    await press('Close');
    expect(await page.getByLabel('my-ink', { exact: true }).isChecked()).toBe(true);
    await draw(page, EMOJI);
    expect(colourfulness(await pixels(page), 4)).toBeLessThan(colourfulness(plain, 4) / 2);
  });
});

test('the shelf fits a phone, in the dark', async () => {
  const phone = await openPage(studio, '?backend=wasm', {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    bypassCSP: true,
    reducedMotion: 'reduce',
  });
  expect(await overflow(phone)).toBe(0);
  await phone.click('#open-shelf');
  await phone.getByText('Fits', { exact: true }).first().waitFor();
  const wider = await phone
    .locator('.shelf-columns')
    .evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
  expect(wider).toBe(0);
  expect(await violations(phone)).toEqual([]);
});

function card(name: string): ReturnType<Page['locator']> {
  return page.locator('.entry', { has: page.getByRole('heading', { name, exact: true }) });
}

function button(name: string): ReturnType<Page['locator']> {
  return page.getByRole('button', { name, exact: true });
}

async function press(name: string): Promise<void> {
  await button(name).click();
}

async function add(what: string): Promise<void> {
  await page.fill('#shelf-address', what);
  await page.keyboard.press('Enter');
}

async function answerAsHub(route: Route): Promise<void> {
  const request = route.request();
  const { authorization, range } = request.headers();
  const headers = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'authorization, range',
  };
  if (request.method() === 'OPTIONS') return route.fulfill({ status: 204, headers });
  if (token !== undefined && authorization !== `Bearer ${token}`) {
    return route.fulfill({ status: 401, headers });
  }
  const { pathname, search } = new URL(request.url());
  if (pathname.includes('/resolve/main/vae/')) await held;
  const answer = await fetch(server.origin + pathname + search, {
    headers: range === undefined ? {} : { range },
  });
  const body = Buffer.from(await answer.arrayBuffer());
  // A page that was closed meanwhile, or a download that was paused, waits for nothing any more.
  return route.fulfill({ status: answer.status, headers, body }).catch(() => undefined);
}
