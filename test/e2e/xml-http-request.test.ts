/**
 * XMLHttpRequest and fetch as libraries use them: what is answered here behaves as what the browser itself fetches.
 */

import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { answerFor } from './support/carried-cases.ts';
import { startCloud, type Cloud } from './support/cloud.ts';
import { serveCloudSite } from './support/cloud-site.ts';
import type { Site } from './support/site.ts';

const OURS = 'https://cloud.example/app.js';
const EVENTS = ['loadstart', 'progress', 'load', 'loadend', 'abort', 'error', 'timeout'] as const;

type Scenario = {
  readonly url: string;
  readonly events: readonly string[];
  readonly responseType?: XMLHttpRequestResponseType;
  readonly abortAt?: number | 'send';
  readonly timeout?: number;
  /** Sends twice, with one object. */
  readonly isRepeated?: boolean;
};

let cloud: Cloud;
let site: Site;
let page: Page;

beforeAll(async () => {
  [cloud, site] = await Promise.all([startCloud(), serveCloudSite()]);
  page = await cloud.browser.newPage();
  const answerWith = await answerFor(page);
  answerWith(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === '/never') return new Promise<Response>(() => undefined);
    // The same file as the browser itself gets.
    return fetch(new URL(pathname, site.url));
  });
  await page.goto(`${site.url}stubbed.html`);
});

afterAll(async () => {
  await cloud?.close();
  await site?.close();
});

/** What a listener and the object's properties tell of an exchange. */
function observe(scenario: Scenario): Promise<readonly string[]> {
  return page.evaluate(
    async ({ url, events, responseType = '', abortAt, timeout = 0, ...rest }) => {
      const log: string[] = [];
      const xhr = new XMLHttpRequest();
      const once = (): Promise<void> =>
        new Promise((resolve) => {
          const end = (): unknown => xhr.readyState % 4 === 0 && setTimeout(resolve, 50);
          xhr.addEventListener('readystatechange', end);
          xhr.open('GET', url);
          xhr.responseType = responseType;
          xhr.timeout = timeout;
          xhr.setRequestHeader('Accept', '*/*');
          xhr.send();
          if (abortAt === 'send') xhr.abort();
        });
      const size = (): string => {
        const { response } = xhr as { response: unknown };
        if (typeof response === 'string') return `${response.length} characters`;
        if (response instanceof Blob) return `${response.size} bytes of ${response.type}`;
        if (response instanceof ArrayBuffer) return `${response.byteLength} bytes`;
        return JSON.stringify(response);
      };
      xhr.onreadystatechange = () => {
        const { readyState: state, status } = xhr;
        log.push(`state ${state}: ${status} ${xhr.getResponseHeader('Content-Type')}`);
        // Its length may be partial while it loads.
        if (state === 4) log.push(size(), String(xhr.response === xhr.response));
        if (state === abortAt) xhr.abort();
      };
      for (const type of events) xhr.addEventListener(type, () => log.push(type));
      await once();
      if (rest.isRepeated === true) await once();
      try {
        log.push(`${xhr.responseText.length} characters in the end, ${xhr.status}`);
      } catch (error) {
        log.push((error as Error).name);
      }
      log.push(String(xhr instanceof XMLHttpRequest), `state ${xhr.readyState} in the end`);
      return log;
    },
    scenario,
  );
}

describe('what is answered here behaves as what is fetched:', () => {
  test.each([
    ['as text', {}],
    ['as text, said so', { responseType: 'text' }],
    ['as a blob', { responseType: 'blob' }],
    ['as bytes', { responseType: 'arraybuffer' }],
    ['as JSON, which it is not', { responseType: 'json' }],
    ['aborted when it is sent', { abortAt: 'send' }],
    ['aborted by its headers', { abortAt: 2 }],
    ['aborted at the end', { abortAt: 4 }],
    ['twice, with one object', { isRepeated: true }],
  ] as const)('%s', async (_, options) => {
    const [here, fetched] = [OURS, `${site.url}app.js`].map((url) =>
      observe({ url, events: EVENTS, ...options }),
    );
    expect(await here).toEqual(await fetched);
  });
});

test('time runs out', async () => {
  const log = await observe({ url: 'https://cloud.example/never', events: EVENTS, timeout: 20 });
  expect(log.slice(0, 6)).toEqual([
    'state 1: 0 null',
    'loadstart',
    'state 4: 0 null',
    '0 characters',
    'true',
    'timeout',
  ]);
});

test('a request that would block fails and says why', async () => {
  const message = await page.evaluate((url) => {
    const xhr = new XMLHttpRequest();
    xhr.open('GET', url, false);
    try {
      xhr.send();
      return 'nothing';
    } catch (error) {
      return String(error);
    }
  }, OURS);
  expect(message).toMatch(/^NetworkError: .*synchronous/);
});

test('a fetch can be aborted, and takes the Request of another window', async () => {
  const results = await page.evaluate(async (url) => {
    const signal = AbortSignal.timeout(20);
    const late = fetch('https://cloud.example/never', { signal }).catch(
      (error: unknown) => (error as Error).name,
    );
    const frame = document.createElement('iframe');
    document.documentElement.append(frame);
    const { Request: Other } = frame.contentWindow as unknown as { Request: typeof Request };
    const { status } = await fetch(new Other(url, { method: 'POST', body: 'text' }));
    return [await late, status];
  }, OURS);
  expect(results).toEqual(['TimeoutError', 200]);
});

test('a beacon is answered too', async () => {
  const sent = await page.evaluate((url) => navigator.sendBeacon(url, 'text'), OURS);
  expect(sent).toBe(true);
});

test('nothing has reached the cloud', () => {
  expect(cloud.connections()).toBe(0);
});
