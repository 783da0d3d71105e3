/**
 * `service-worker.js`: the second line, for what `install.js` cannot see: workers, images, and pages without it.
 *
 * It works as a service worker of its own and, by `importScripts`, in an app's. It has no engine: requests go to the page that
 * owns one. Pictures it reads from the storage itself, so their addresses work without any page.
 */

import { browserStorage } from '../jobs/indexed-db-storage.ts';
import { apiAddresses, hostsIn, outputName } from './api-address.ts';
import { carriedRequest, refusal, responseFrom } from './carried.ts';
import { PING } from './output-addresses.ts';
import { SharedEngine } from './shared-engine.ts';

/** Milliseconds to wait for a page's reply: browsers end a service worker that works on one request for five minutes. */
const PATIENCE = 240_000;

const scope = globalThis as unknown as ServiceWorkerGlobalScope;

/** Written into the address by `install.js`; absent where an app has imported this file. */
const hosts = new URL(scope.location.href).searchParams.get('hosts');

const isOurs = apiAddresses(hostsIn(hosts ?? ''), scope.location.origin);
const engine = new SharedEngine();
const { files } = browserStorage();

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (!isOurs(new URL(request.url))) return;
  // The service worker of an app would answer it again.
  event.stopImmediatePropagation();
  event.respondWith(answer(request));
});

scope.addEventListener('message', ({ data, ports }) => {
  if (data === PING) ports[0]?.postMessage(true);
});

// An app decides for itself when its service worker takes over.
if (hosts !== null) {
  scope.addEventListener('install', () => void scope.skipWaiting());
  scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
}

async function answer(request: Request): Promise<Response> {
  const name = outputName(new URL(request.url).pathname);
  const file = name === undefined ? undefined : await stored(name);
  if (file !== undefined) return new Response(file, { headers: { 'content-type': file.type } });
  const late = new Promise<ReturnType<typeof refusal>>((resolve) => {
    setTimeout(() => resolve(refusal('The page that draws does not answer.')), PATIENCE);
  });
  const carried = await carriedRequest(request);
  return responseFrom(await Promise.race([engine.ask(carried), late]), request.url);
}

async function stored(name: string): Promise<Blob | undefined> {
  try {
    return await files.get(name);
  } catch {
    // A browser that forbids storing has the picture in the page's memory.
    return undefined;
  }
}
