/**
 * Notices that a worker's script cannot be loaded or fails at once; without that, a call to it would wait for ever.
 */

import { EngineError } from '../errors.ts';

/** Rejects when `worker` reports an error, with a `runtime-failed` that says what to look at; never resolves. */
export function failureOf(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener(
      'error',
      // A plain Event, without a message, tells that the script could not be loaded.
      ({ message }: Partial<ErrorEvent>) => {
        const reason =
          message === undefined || message === ''
            ? 'its script could not be loaded; the network log says which file, docs/embedding.md what to do'
            : message;
        reject(new EngineError('runtime-failed', `the engine's worker could not start: ${reason}`));
      },
      { once: true },
    );
  });
}
