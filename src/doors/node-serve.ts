/**
 * The API as an HTTP server in Node, for programs on this machine: curl, Python, PHP.
 *
 * It listens on loopback. Beyond that it is reached only when both an address and a key are given. Nothing of a request goes
 * anywhere but to the addresses that it names, and to upstreams that were configured, when it asks for those.
 */

import { createHash, timingSafeEqual } from 'node:crypto';

import type { Artist } from '../api/artist.ts';
import { apiContext, type Settings } from '../api/context.ts';
import { createHandler } from '../api/handler.ts';
import type { Library } from '../api/library/library.ts';
import type { ModelRegistry } from '../api/model-registry.ts';
import { servedLinks } from '../api/outputs.ts';
import type { Upstream } from '../api/upstream.ts';
import { EngineError, isEngineError } from '../errors.ts';
import { JobQueue } from '../jobs/job-queue.ts';
import { memoryStorage } from '../jobs/memory-storage.ts';
import { isLoopback, listen, type Listening, type ListenOptions } from './node-listen.ts';
import { publicFetch } from './node-public-fetch.ts';

/** Options of {@link serve}. */
export type ServeOptions = ListenOptions & {
  readonly artist: Artist;
  readonly models: ModelRegistry;
  /** What adds to the models and takes away. Default: nothing does. */
  readonly library?: Library | undefined;
  /** What requests must have as their key. Default: none is asked for. */
  readonly key?: string;
  /** Whether images and webhooks may lie in private networks. Default no. */
  readonly allowsPrivate?: boolean;
  /** Other servers, for requests that say `loadbalancer: "yes"`. Default none. */
  readonly upstreams?: readonly Upstream[];
  readonly settings?: Partial<Settings>;
  /** Takes what only whoever runs the server should know. Default: it is dropped. */
  readonly log?: (text: string) => void;
};

/**
 * Starts a server; closing it cancels all jobs.
 *
 * @throws EngineError `invalid-argument` for an address beyond loopback without a key; Error when the port is taken.
 */
export async function serve({
  artist,
  models,
  library,
  key,
  allowsPrivate = false,
  upstreams = [],
  settings = {},
  log = () => undefined,
  ...where
}: ServeOptions): Promise<Listening> {
  const { host = '127.0.0.1' } = where;
  if (!isLoopback(host) && (key === undefined || key === '')) {
    throw new EngineError(
      'invalid-argument',
      `host: ${host} is reached by other machines, and that needs a key.`,
    );
  }
  const queue = new JobQueue({ storage: memoryStorage() });
  const fetchPublic = publicFetch({
    allowsPrivate,
    isTrusted: (url) => isOutputOf(url, upstreams),
  });
  const context = apiContext({
    artist,
    models,
    library,
    queue,
    links: servedLinks(),
    upstreams,
    settings,
    onError: (error) =>
      log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    fetch: async (url, init) => {
      try {
        return await fetchPublic(url, init);
      } catch (error) {
        // Of a webhook that is not reached, nobody else hears.
        if (isEngineError(error)) log(`${new URL(url).origin}: ${error.message}`);
        throw error;
      }
    },
  });
  const handle = createHandler(context, key === undefined ? {} : { acceptsKey: sameAs(key) });
  const { maxBodyBytes: maxBytes } = context.settings;
  const listening = await listen(handle, { ...where, maxBytes, onError: context.onError });
  return {
    url: listening.url,
    close: async () => {
      await queue.clear();
      await library?.dispose();
      await listening.close();
    },
  };
}

/** Compares keys in a time that tells nothing of where they differ. */
function sameAs(key: string): (other: string) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const own = digest(key);
  return (other) => timingSafeEqual(own, digest(other));
}

function isOutputOf(url: URL, upstreams: readonly Upstream[]): boolean {
  return (
    url.pathname.startsWith('/api/outputs/') &&
    upstreams.some((upstream) => new URL(upstream.url).origin === url.origin)
  );
}
