/**
 * What a request can say on the page, in Chromium on wasm: how its prompt is read, a mask that is painted, a picture
 * that is followed.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode } from 'fast-png';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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

/** A face of 64 x 64 pixels. */
const FACE = join(import.meta.dirname, '../../demo/examples/emoji-64/a-crying-face.png');

/** A picture of 24 x 16 pixels. */
const WIDE = join(import.meta.dirname, '../goldens/exif/upright.png');

const QUICK = { prompt: 'a panda', num_inference_steps: '4', guidance_scale: '1', seed: '7' };

let studio: Studio;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  studio = await openStudio();
  page = await openPage(studio, '?backend=wasm', { bypassCSP: true, reducedMotion: 'reduce' });
  complaints = complaintsOf(studio, page);
});

afterAll(() => studio?.close());

describe('the prompt', () => {
  test('is shown as it is read, with its weights, parts and steps', async () => {
    await fill(page, {
      prompt: 'a (flat:1.4) cat AND [a dog:a frog:0.5] :0.3 <lora:ink-sketch:0.5>',
      num_inference_steps: '10',
    });
    const reading = page.locator('#prompt-reading');
    await reading.getByText('3 of 75 tokens').waitFor();
    expect(await reading.locator('.is-stronger').textContent()).toBe('flat ×1.4');
    expect(await reading.locator('.reading-label').allTextContents()).toEqual([
      'Part 1 ×1',
      'Part 2 ×0.3 · steps 1–5',
      'Part 2 ×0.3 · steps 6–10',
      'LoRA',
    ]);
    expect(await reading.locator('.prompt-remarks li').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
  });

  test('has the place marked that was not meant, and selected on request', async () => {
    await page.fill('#prompt', 'a cat (on a mat <lora:nobody>');
    const remarks = page.locator('#prompt-reading .prompt-remarks');
    await remarks.getByText('There is no LoRA nobody; those here are: ink-sketch.').waitFor();
    expect(await remarks.locator('mark').allTextContents()).toEqual(['(', '<lora:nobody>']);
    await remarks.locator('button').last().click();
    const selected = await page
      .locator('#prompt')
      .evaluate((field: HTMLTextAreaElement) => [field.selectionStart, field.selectionEnd]);
    expect(selected).toEqual([16, 29]);
    expect(await violations(page)).toEqual([]);
    await page.fill('#prompt', '');
    await page.locator('#prompt-reading').waitFor({ state: 'hidden' });
  });
});

describe('a mask', () => {
  /** Painted pixels of the mask, as the dialog shows them. */
  function painted(): Promise<number[]> {
    return page.locator('#mask-canvas').evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext('2d') as CanvasRenderingContext2D;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: data.length / 4 }, (_, i) => i).filter((i) => data[4 * i + 3]);
    });
  }

  test('is painted with the mouse and with keys, and taken back', async () => {
    await page.setInputFiles('#file', FACE);
    await page.locator('#chosen-size', { hasText: '64 × 64' }).waitFor();
    await page.click('#paint-mask');
    expect(await violations(page)).toEqual([]);
    const box = await page.locator('#mask-sheet').boundingBox();
    if (box === null) throw new Error('the sheet is not shown');
    const { x, y, width, height } = box;
    await page.mouse.move(x + width / 4, y + height / 4);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + height / 4, { steps: 3 });
    await page.mouse.up();
    const byMouse = await painted();
    expect(byMouse).toContain(16 * 64 + 16);
    expect(byMouse).toContain(16 * 64 + 31);
    expect(byMouse).not.toContain(40 * 64 + 24);

    // From the stroke's end down to the lower edge, with a brush one size smaller.
    await page.locator('#mask-board').focus();
    await page.keyboard.press('[');
    await page.keyboard.down(' ');
    for (let i = 0; i < 24; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.up(' ');
    const byKeys = await painted();
    expect(byKeys).toContain(62 * 64 + 32);
    expect(byKeys.length).toBeGreaterThan(byMouse.length + 200);
    await page.keyboard.press('Control+z');
    expect(await painted()).toEqual(byMouse);
    await page.keyboard.press('Control+Shift+Z');
    expect(await painted()).toEqual(byKeys);
    await page.click('#mask-invert');
    expect((await painted()).length).toBe(64 * 64 - byKeys.length);
    await page.click('#mask-undo');
    await page.keyboard.press('Escape');
    // The mask becomes a file first.
    const drawnAnew = /^64 × 64 · \d+ % is drawn anew$/;
    await page.locator('#chosen-size', { hasText: drawnAnew }).waitFor();
  });

  test('has drawn anew what is painted, and leaves the rest to the bit', async () => {
    await page.click('#paint-mask');
    const inside = new Set(await painted());
    await page.click('#mask-done');
    await draw(page, { ...QUICK, strength: '1' });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('.save').first().click(),
    ]);
    const before = decode(await readFile(FACE));
    const after = decode(await readFile(await download.path()));
    expect([after.width, after.height]).toEqual([64, 64]);
    const changed = Array.from({ length: 64 * 64 }, (_, i) => i).filter((i) =>
      [0, 1, 2].some(
        (c) => before.data[i * before.channels + c] !== after.data[i * after.channels + c],
      ),
    );
    expect(changed.filter((i) => !inside.has(i))).toEqual([]);
    expect(changed.length).toBeGreaterThan(inside.size / 2);
  });

  test('is read from a file, and goes with its image', async () => {
    await page.click('#paint-mask');
    const before = await painted();
    await page.setInputFiles('#mask-file', WIDE);
    await page
      .locator('#mask-error', { hasText: 'upright.png is 24 × 16, another shape' })
      .waitFor();
    expect(await painted()).toEqual(before);
    await page.setInputFiles('#mask-file', FACE);
    await page.locator('#mask-share', { hasText: '%' }).waitFor();
    expect(await page.isHidden('#mask-error')).toBe(true);
    // White around the face is painted, its dark mouth is not.
    await expect.poll(painted).toContain(0);
    expect(await painted()).not.toContain(43 * 64 + 29);
    await page.click('#mask-done');
    await page.click('#remove-mask');
    expect(await page.locator('#chosen-size').textContent()).toBe('64 × 64');
    await page.click('#remove-image');
    expect(await page.isHidden('#paint-mask')).toBe(true);
  });
});

test('a picture that keeps the size of its start image is shown in its shape', async () => {
  await page.setInputFiles('#file', WIDE);
  await page.locator('#chosen-size', { hasText: '24 × 16' }).waitFor();
  await page.selectOption('#fit', 'keep');
  await draw(page, QUICK);
  const shown = await page.locator('.frame').first().boundingBox();
  expect((shown?.width ?? 0) / (shown?.height ?? 1)).toBeCloseTo(1.5, 1);
  expect((await pixels(page)).length).toBe(24 * 16 * 4);
  await page.click('#remove-image');
});

test('a mask is painted with a finger, on a phone', async () => {
  const phone = await openPage(studio, '?backend=wasm', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    colorScheme: 'dark',
    bypassCSP: true,
  });
  await phone.setInputFiles('#file', FACE);
  await phone.locator('#paint-mask').tap();
  expect(await overflow(phone)).toBe(0);
  const box = await phone.locator('#mask-sheet').boundingBox();
  if (box === null) throw new Error('the sheet is not shown');
  await phone.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
  await phone.locator('#mask-share', { hasText: /^\d+ % is drawn anew$/ }).waitFor();
  expect(await violations(phone)).toEqual([]);
  await phone.locator('#mask-done').tap();
  await phone.locator('#remove-mask').waitFor();
  expect(await overflow(phone)).toBe(0);
  await phone.context().close();
});

describe('a ControlNet', () => {
  test('is shown the edges of a picture, and the drawing follows them', async () => {
    await page.click('#control summary');
    await page.selectOption('#controlnet_model', 'emoji-canny');
    await page.setInputFiles('#control-file', FACE);
    await page.locator('#hint-picture:not([hidden])').waitFor();
    const hint = await pixels(page, '#hint-picture');
    expect(hint.length).toBe(64 * 64 * 4);
    expect(new Set(hint)).toEqual(new Set([0, 255]));
    const isEdge = (x: number, y: number): boolean => hint[(y * 64 + x) * 4] === 255;
    const white = hint.filter((value, i) => i % 4 === 0 && value === 255).length;
    expect(white).toBeGreaterThan(100);
    // The face's outline crosses its middle row at both sides, and nothing is in the corner.
    expect([4, 5, 6, 7].some((x) => isEdge(x, 32))).toBe(true);
    expect(isEdge(1, 1)).toBe(false);
    expect(await violations(page)).toEqual([]);

    await draw(page, QUICK);
    const followed = await pixels(page);
    await page.fill('#controlnet_conditioning_scale', '0');
    await draw(page, QUICK);
    const unweighted = await pixels(page);
    await page.selectOption('#controlnet_model', '');
    expect(await page.isHidden('#control-rest')).toBe(true);
    await draw(page, QUICK);
    expect(await pixels(page)).toEqual(unweighted);
    expect(followed).not.toEqual(unweighted);
  });

  test('says beside the picture why it cannot be read', async () => {
    await page.selectOption('#controlnet_model', 'emoji-canny');
    const notes = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') };
    await page.setInputFiles('#control-file', notes);
    await page.locator('#control_image-error', { hasText: 'is not an image' }).waitFor();
    expect(await page.isHidden('#hint-picture')).toBe(true);
    await page.click('#draw');
    await page.locator('#status', { hasText: 'refused' }).waitFor({ state: 'attached' });
    expect(await page.textContent('#control_image-error')).toMatch(/^The control image field/);
    expect(await page.isHidden('#alert')).toBe(true);
    await page.locator('.use-control').first().click();
    await page.locator('#hint-picture:not([hidden])').waitFor();
    expect(await page.isHidden('#control_image-error')).toBe(true);
    await page.click('#remove-control');
    await page.selectOption('#controlnet_model', '');
  });
});

test('the page has complained of nothing, and fits', async () => {
  expect(complaints).toEqual([]);
  expect(await overflow(page)).toBe(0);
});
