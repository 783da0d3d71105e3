/**
 * A model's folder on a web server or, in Node, on disk. Files of a server are read whole when they are opened, those on disk
 * piece by piece.
 *
 * Servers are for small models, such as the embedded one. Large ones are to be downloaded to disk first and read from there.
 */

import { EngineError } from '../errors.ts';
import { blobSource } from '../weights/byte-source.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import { fileSourceAt } from '../weights/node-file-source.ts';
import type { ModelFolder } from './folder-parts.ts';

/** The folder at `base`, an absolute URL; in Node `file:` too. */
export function fetchedFolder(name: string, base: string): ModelFolder {
  const root = base.endsWith('/') ? base : `${base}/`;
  return { name, open: (path, signal) => openUrl(new URL(path, root), path, signal) };
}

/**
 * The file at `url`, called `path` in messages; undefined when there is none.
 *
 * @throws EngineError `model-malformed` when it cannot be had for another reason.
 */
export async function openUrl(
  url: URL,
  path: string,
  signal?: AbortSignal,
): Promise<ByteSource | undefined> {
  if (url.protocol === 'file:') return fileSourceAt(url, path);
  const response = await fetch(url, signal === undefined ? {} : { signal }).catch(
    (cause: unknown) => {
      signal?.throwIfAborted();
      const hint = 'the server cannot be reached, or does not allow pages of other origins to read it (CORS)';
      throw unfetched(url, hint, { cause });
    },
  );
  // Servers of single-page apps answer what they do not have with the page.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true;
  if (response.status === 404 || (response.ok && isPage)) return undefined;
  if (!response.ok) throw unfetched(url, `the server answered ${response.status}`, { status: response.status });
  return blobSource(await response.blob(), path);
}

function unfetched(
  url: URL,
  reason: string,
  { cause, status }: { cause?: unknown; status?: number },
): EngineError {
  return new EngineError('model-malformed', `${url.href} could not be fetched: ${reason}`, {
    detail: { url: url.href, ...(status === undefined ? {} : { status }) },
    ...(cause === undefined ? {} : { cause }),
  });
}
