/**
 * What a request can say on the page, in Chromium on wasm: how its prompt is read.
 */

import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  complaintsOf,
  fill,
  openPage,
  openStudio,
  overflow,
  violations,
  type Studio,
} from '../support/studio.ts';

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

test('the page has complained of nothing, and fits', async () => {
  expect(complaints).toEqual([]);
  expect(await overflow(page)).toBe(0);
});
