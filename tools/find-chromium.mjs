/**
 * Where this machine keeps a Chromium for the browser tests.
 *
 * Plain JavaScript without dependencies: `npm test` asks before anything is installed, and the
 * test configuration asks again.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const SYSTEM_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * The path of a Chromium: `CHROMIUM_PATH`, a system one, or the one that Playwright downloaded.
 *
 * @returns {string | undefined} Nothing, when there is none.
 */
export function findChromium() {
  const asked = process.env['CHROMIUM_PATH'];
  if (asked !== undefined && asked !== '') {
    if (!existsSync(asked)) throw new Error(`CHROMIUM_PATH names ${asked}, which does not exist`);
    return asked;
  }
  return SYSTEM_PATHS.find((path) => existsSync(path)) ?? playwrightChromium();
}

/** @returns {string | undefined} */
function playwrightChromium() {
  try {
    const { chromium } = createRequire(import.meta.url)('playwright');
    /** @type {string} */
    const path = chromium.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // Playwright itself is not installed yet.
  }
}
