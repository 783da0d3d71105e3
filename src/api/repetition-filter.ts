/**
 * Tells a request that repeats one of the last half minute: the cloud refuses those, and its clients may be tested for it.
 */

import type { Clock } from '../jobs/clock.ts';
import type { ApiVersion } from './schema/versions.ts';

/** Milliseconds for which a request is remembered. */
const MEMORY = 30_000;

/** See the file's header. */
export class RepetitionFilter {
  readonly #clock: Clock;
  /** When each request came, by the digest of its fields; oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the same fields came to the same version within the last 30 seconds. Images in Blobs are not looked at. */
  async isRepeated({ version, body }: { version: ApiVersion; body: unknown }): Promise<boolean> {
    const bytes = new TextEncoder().encode(JSON.stringify([version, body]));
    const digest = String(new Uint32Array(await crypto.subtle.digest('SHA-256', bytes)));
    const now = this.#clock.now();
    for (const [key, time] of this.#seen) {
      if (now - time < MEMORY) break;
      this.#seen.delete(key);
    }
    if (this.#seen.has(digest)) return true;
    this.#seen.set(digest, now);
    return false;
  }
}
