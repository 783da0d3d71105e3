/**
 * The shelf of models, in Chromium on wasm: adding by hub id and from disk, downloads that are paused and go on, drawing with
 * what came, and deleting it; what becomes of all that where the disk is full, in two tabs, and on the next visit. The hub is
 * a server on this machine, and the origin's private file system stands in for the disk where handles are needed.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CDPSession, Page, Route } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GOLDENS } from '../support/goldens.ts';
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

describe('a download', () => {
  test('that finds the disk full says how much is missing, and goes on once there is room', async () => {
    const [tab, devtools] = await visitor();
    await allow(devtools, 1_000_000);
    await add('tiny/sd15', tab);
    await press('Download sd15', tab);
    const failure = card('sd15', tab).locator('.entry-error');
    await failure.getByText(/needs [\d.]+ MB more on disk, but only [\d.]+ [kM]B may be/).waitFor();
    expect(await button('Use sd15', tab).count()).toBe(0);
    await allow(devtools);
    await press('Try again sd15', tab);
    await button('Use sd15', tab).waitFor();
    expect(await failure.isVisible()).toBe(false);
    await tab.context().close();
  });

  test('goes on after a reload, and a second tab follows it', async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const [tab] = await visitor();
    await add('tiny/sd15', tab);
    server.asked.length = 0;
    await press('Download sd15', tab);
    const transfer = (of: Page) => card('sd15', of).locator('.entry-transfer-text');
    await transfer(tab).getByText('1.7 MB of 1.9 MB').waitFor();
    await tab.reload();
    await tab.click('#open-shelf');
    await press('Resume sd15', tab);
    await transfer(tab).getByText('1.7 MB of 1.9 MB').waitFor();

    const second = await tab.context().newPage();
    await second.goto(`${studio.url}?backend=wasm`);
    await second.click('#open-shelf');
    await press('Resume sd15', second);
    await transfer(second).getByText('1.7 MB of 1.9 MB').waitFor();
    release();
    for (const each of [tab, second]) await button('Use sd15', each).waitFor();
    expect(server.asked.filter((path) => path === UNET)).toHaveLength(1);
    await tab.context().close();
  });
});

describe('what is chosen from disk', () => {
  test('is read where it lies, asked for again on the next visit, and no longer once a copy is kept', async () => {
    const [tab] = await visitor();
    await tab.context().addInitScript(askBeforeReading);
    await tab.reload();
    await tab.click('#open-shelf');
    await writeToDisk(tab, 'lora-a.safetensors', [
      ...(await readFile(join(GOLDENS, 'lora-a.safetensors'))),
    ]);
    await tab.evaluate(pickFromDisk, 'lora-a.safetensors');
    await press('Choose files', tab);
    await button('Use lora-a', tab).waitFor();

    await shelfAgain(tab);
    await press('Let the page read it lora-a', tab);
    await button('Use lora-a', tab).waitFor();
    await card('lora-a', tab).getByRole('button', { name: 'Keep a copy' }).click();
    await card('lora-a', tab)
      .getByRole('button', { name: 'Keep a copy' })
      .waitFor({ state: 'hidden' });
    await tab.evaluate(async () => {
      await (await navigator.storage.getDirectory()).removeEntry('lora-a.safetensors');
    });
    await shelfAgain(tab);
    await button('Use lora-a', tab).waitFor();
    expect(await button('Let the page read it lora-a', tab).count()).toBe(0);
    await tab.context().close();
  });

  test('without handles is there until the visit ends, and again when it is chosen again', async () => {
    const [tab] = await visitor();
    await tab.context().addInitScript(() => {
      Object.assign(globalThis, { showOpenFilePicker: undefined, showDirectoryPicker: undefined });
    });
    await tab.reload();
    await tab.click('#open-shelf');
    const folder = join(GOLDENS, 'tiny-sd15');
    await choose(tab, 'A folder', folder);
    await button('Use tiny-sd15', tab).waitFor();
    await tab.reload();
    await tab.click('#open-shelf');
    await choose(tab, 'Choose its files again tiny-sd15', folder);
    await press('Use tiny-sd15', tab);
    await tab.locator('#shelf').waitFor({ state: 'hidden' });
    await draw(tab, TINY);
    expect(await tab.textContent('.job-facts')).toContain('128 × 128');
    expect(await card('tiny-sd15-2', tab).count()).toBe(0);
    await tab.context().close();
  });
});

test('the browser is asked to keep the storage, and what it says is told', async () => {
  const [tab, devtools] = await visitor();
  const browser = await studio.browser.newBrowserCDPSession();
  const { targetInfo } = await devtools.send('Target.getTargetInfo');
  const permit = (setting: 'granted' | 'denied') =>
    browser.send('Browser.setPermission', {
      permission: { name: 'persistent-storage' },
      setting,
      origin: new URL(studio.url).origin,
      ...(targetInfo.browserContextId && { browserContextId: targetInfo.browserContextId }),
    });
  await permit('denied');
  await tab.click('#persist');
  await tab.getByText('The browser has not promised to keep it').waitFor();
  expect(await tab.isVisible('#persist')).toBe(true);
  await permit('granted');
  await tab.click('#persist');
  await tab.getByText('The browser has promised not to clear it by itself').waitFor();
  expect(await tab.isVisible('#persist')).toBe(false);
  await tab.context().close();
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

function card(name: string, on: Page = page): ReturnType<Page['locator']> {
  return on.locator('.entry', { has: on.getByRole('heading', { name, exact: true }) });
}

function button(name: string, on: Page = page): ReturnType<Page['locator']> {
  return on.getByRole('button', { name, exact: true });
}

async function press(name: string, on: Page = page): Promise<void> {
  await button(name, on).click();
}

async function add(what: string, on: Page = page): Promise<void> {
  await on.fill('#shelf-address', what);
  await on.keyboard.press('Enter');
}

/** Somebody whose browser keeps nothing yet, before the open shelf of a hub that lets everybody in. */
async function visitor(): Promise<[Page, CDPSession]> {
  token = undefined;
  const tab = await openPage(studio, '?backend=wasm');
  await tab.context().route(`${HUB}/**`, answerAsHub);
  await tab.click('#open-shelf');
  return [tab, await tab.context().newCDPSession(tab)];
}

/** How many bytes the page may keep; default what the browser thinks right. */
async function allow(devtools: CDPSession, quotaSize?: number): Promise<void> {
  const { origin } = new URL(studio.url);
  await devtools.send('Storage.overrideQuotaForOrigin', {
    origin,
    ...(quotaSize === undefined ? {} : { quotaSize }),
  });
}

/** The next visit, before the shelf's LoRAs. */
async function shelfAgain(tab: Page): Promise<void> {
  await tab.reload();
  await tab.click('#open-shelf');
  await tab.getByRole('radio', { name: 'LoRAs' }).check();
}

async function choose(tab: Page, what: string, path: string): Promise<void> {
  const chooser = tab.waitForEvent('filechooser');
  await press(what, tab);
  await (await chooser).setFiles(path);
}

async function writeToDisk(tab: Page, name: string, bytes: readonly number[]): Promise<void> {
  await tab.evaluate(
    async ([to, content]) => {
      const root = await navigator.storage.getDirectory();
      const stream = await (await root.getFileHandle(to, { create: true })).createWritable();
      await stream.write(new Uint8Array(content));
      await stream.close();
    },
    [name, bytes] as const,
  );
}

/** In the page: what its window for choosing files would give. */
function pickFromDisk(name: string): void {
  const pick = async () => [await (await navigator.storage.getDirectory()).getFileHandle(name)];
  Object.assign(globalThis, { showOpenFilePicker: pick });
}

/** In the page: handles as those of a disk are, of which a new visit has to ask. */
function askBeforeReading(): void {
  let state = 'prompt';
  Object.assign(FileSystemHandle.prototype, {
    queryPermission: () => Promise.resolve(state),
    requestPermission: () => Promise.resolve((state = 'granted')),
  });
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
