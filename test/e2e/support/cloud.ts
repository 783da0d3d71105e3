/**
 * A machine that stands in for the cloud, and a Chromium that takes it for the cloud's hosts.
 */

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser } from 'playwright';

import { findChromium } from '../../../tools/find-chromium.mjs';

/** See the file's header. */
export type Cloud = {
  /** Sends requests to the cloud's hosts to the stand-in. */
  readonly browser: Browser;
  /** How often somebody has connected to the stand-in, whatever they wanted to send. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

const HOSTS = ['modelslab.com', 'stablediffusionapi.com', 'cloud.example'];

/** Starts both. */
export async function startCloud(): Promise<Cloud> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const rules = HOSTS.flatMap((host) =>
    [host, `*.${host}`].map((name) => `MAP ${name} 127.0.0.1:${port}`),
  );
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: [
      `--host-resolver-rules=${rules.join(', ')}`,
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  return {
    browser,
    connections: () => connections,
    close: async () => {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
