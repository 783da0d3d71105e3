/**
 * Recorded calls of real clients, sent by a page to the cloud's host and answered by the API over a stub: what `install.js` and
 * the service worker carry arrives whole, and so does the reply.
 */

import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Handle } from '../../src/api/http/cors.ts';
import { checkCase } from '../../tools/conformance/requests/check-case.ts';
import { readRequestCases } from '../../tools/conformance/requests/run.ts';
import { answerFor, sentFrom } from './support/carried-cases.ts';
import { startCloud, type Cloud } from './support/cloud.ts';
import { serveCloudSite } from './support/cloud-site.ts';
import type { Site } from './support/site.ts';

const all = readRequestCases(fileURLToPath(new URL('../requests', import.meta.url)));
/** JSON, forms and broken JSON; other methods, headers and statuses; files in replies. */
const SAMPLE = [
  'app-v6-inpaint-with-data-uris-and-no-model',
  'browser-client-v6-inpaint-with-boolean-base64',
  'browser-preflight-for-a-header-named-key',
  'cancel-by-delete-on-a-fetch-path',
  'get-polling-of-v6-fetch',
  'invalid-key',
  'mobile-client-form-encoded-v3-img2img-with-prompt-strength',
  'official-js-sdk-text2img',
  'python-bot-posts-its-whole-original-body-to-fetch-result',
  'unknown-path',
  'v4-img2img-page-example-body',
  'vendor-s-v3-inpaint-page-example-with-its-trailing-comma',
];
const cases = all.filter(([file]) => SAMPLE.some((name) => file.endsWith(`${name}.json`)));

let cloud: Cloud;
let site: Site;
let context: BrowserContext;
/** Has the engine, and is controlled by the service worker. */
let owner: Page;
/** Has nothing but that service worker. */
let plain: Page;
let answerWith: (handle: Handle) => void;

beforeAll(async () => {
  [cloud, site] = await Promise.all([startCloud(), serveCloudSite()]);
  context = await cloud.browser.newContext();
  owner = await context.newPage();
  answerWith = await answerFor(owner);
  await owner.goto(`${site.url}stubbed.html`);
  await owner.waitForFunction(() => navigator.serviceWorker.controller !== null);
  plain = await context.newPage();
  await plain.goto(`${site.url}plain.html`);
});

afterAll(async () => {
  await cloud?.close();
  await site?.close();
});

test('the sample is there', () => {
  expect(cases).toHaveLength(SAMPLE.length);
});

describe.each([
  ['install.js, by fetch', () => sentFrom(owner, 'fetch')],
  ['install.js, by XMLHttpRequest', () => sentFrom(owner, 'XMLHttpRequest')],
  ['the service worker, by fetch', () => sentFrom(plain, 'fetch')],
] as const)('through %s', (_, sender) => {
  test.each(cases.map(([, one]) => [one.name, one] as const))('%s', async (_name, one) => {
    const problems = await checkCase(one, (handle) => {
      answerWith(handle);
      return sender();
    });
    expect(problems).toEqual([]);
  });
});

test('none of them has reached the cloud', () => {
  expect(cloud.connections()).toBe(0);
});
