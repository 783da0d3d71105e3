/**
 * The downloads that the shelf has begun, and what became of those that failed.
 *
 * They go on while the shelf is closed. How far they are is the library's to tell.
 */

import { isEngineError, type EntryName, type LibraryActions } from '../src/index.ts';
import { keyOf } from './shelf-data.ts';

/** Why something came to nothing; `host` where an access token for it may help. */
export type Failure = { readonly message: string; readonly host?: string };

/** See the file's header. */
export class ShelfDownloads {
  readonly #library: LibraryActions;
  readonly #changed: () => void;
  readonly #running = new Map<string, AbortController>();
  readonly #failures = new Map<string, Failure>();

  /** @param changed Is told whenever a download or a failure has come or gone. */
  constructor(library: LibraryActions, changed: () => void) {
    this.#library = library;
    this.#changed = changed;
  }

  /** Downloads an entry, or goes on with it; resolves with whether it is here now. */
  start(name: EntryName): Promise<boolean> {
    return this.#run(name, (signal) => this.#library.download(name, { signal }));
  }

  /** Copies an entry's files from disk into the browser's storage; resolves with whether it was done. */
  keepCopy(name: EntryName): Promise<boolean> {
    return this.#run(name, (signal) => this.#library.keepCopy(name, { signal }));
  }

  /** Keeps what has come for another time. */
  pause(name: EntryName): void {
    this.#running.get(keyOf(name))?.abort();
  }

  /** Why the last attempt at an entry failed. */
  failure(name: EntryName): Failure | undefined {
    return this.#failures.get(keyOf(name));
  }

  #run(name: EntryName, work: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    const controller = new AbortController();
    this.#running.set(keyOf(name), controller);
    return this.attempt(name, () => work(controller.signal)).finally(() => {
      this.#running.delete(keyOf(name));
    });
  }

  /** Does something with an entry and notes why it failed; resolves with whether it was done. An abort is no failure. */
  async attempt(name: EntryName, work: () => Promise<unknown>): Promise<boolean> {
    this.#failures.delete(keyOf(name));
    try {
      await work();
      return true;
    } catch (error) {
      if (!isAbort(error)) this.#failures.set(keyOf(name), failureOf(error));
      return false;
    } finally {
      this.#changed();
    }
  }
}

/** What is shown of an error. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const host = isEngineError(error) && error.code === 'access-denied' ? error.detail['host'] : '';
  return typeof host === 'string' && host !== '' ? { message, host } : { message };
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
