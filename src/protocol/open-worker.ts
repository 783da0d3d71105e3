/**
 * The engine's worker, started from the source tree. In the package `packaged-open-worker.ts` takes the place of this file.
 */

/** Starts a worker that answers as {@link EngineService} does. */
export function openWorker(): Worker {
  // The ending is that of the emitted file; Vite's dev server and build find the source by it.
  return new Worker(new URL('../../workers/engine.worker.js', import.meta.url), { type: 'module' });
}
