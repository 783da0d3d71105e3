/**
 * The engine's worker, started from the package's own file. Takes the place of `open-worker.ts`.
 *
 * The page tells the worker where the package's files are: their literal URLs stand in the page's module, where every
 * bundler sees them, so that the worker itself is just one more file to copy, which no bundler has to bundle again.
 */

/** The files of the package by name; written by the build. */
declare const PACKAGE_FILES: () => Readonly<Record<string, string>>;

/** Vite before version 8 moves the page's module in development and takes the files' URLs to have moved with it. */
const MOVED_BY_VITE = /\/node_modules\/\.vite\/deps\//;
const WHERE_IT_WAS = '/node_modules/local-diffusion/dist/browser/';

/** Starts a worker that answers as EngineService does. */
export function openWorker(): Worker {
  const { 'engine.worker.js': url, ...files } = Object.fromEntries(
    Object.entries(PACKAGE_FILES()).map(([name, address]) => [
      name,
      address.replace(MOVED_BY_VITE, WHERE_IT_WAS),
    ]),
  );
  if (url === undefined) throw new Error('the build has left out the worker');
  const worker =
    new URL(url).origin === globalThis.location.origin
      ? new Worker(url, { type: 'module' })
      : workerOfAnotherOrigin(url);
  worker.postMessage(files);
  return worker;
}

/** A worker must be of the page's origin; what it imports need not be, where the server allows it (CORS). */
function workerOfAnotherOrigin(url: string): Worker {
  const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
  const address = URL.createObjectURL(script);
  const worker = new Worker(address, { type: 'module' });
  worker.addEventListener('message', () => URL.revokeObjectURL(address), { once: true });
  return worker;
}
