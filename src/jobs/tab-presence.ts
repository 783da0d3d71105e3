/**
 * Which tabs of an origin still run their queue, told by Web Locks: the browser frees a lock when its page is gone.
 */

import type { Presence } from './job-queue.ts';

const PREFIX = 'local-diffusion queue ';

/** Takes a lock for as long as this page lives; undefined where there are no Web Locks. */
export function tabPresence(): Presence | undefined {
  const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
  if (locks === undefined) return undefined;
  const owner = crypto.randomUUID();
  void locks.request(PREFIX + owner, () => new Promise<never>(() => undefined));
  return {
    owner,
    isAlive: async (other) => {
      const { held = [] } = await locks.query();
      return held.some(({ name }) => name === PREFIX + other);
    },
  };
}
