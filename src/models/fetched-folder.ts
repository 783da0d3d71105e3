/**
 * A model's folder on a web server, its files fetched whole when they are opened.
 *
 * For small models, such as the embedded one. Large ones are to be downloaded to disk first and read from there.
 */

import { EngineError } from '../errors.ts';
import { blobSource } from '../weights/byte-source.ts';
import type { ModelFolder } from './diffusion-model.ts';

/** The folder at `base`, an absolute URL. */
export function fetchedFolder(name: string, base: string): ModelFolder {
  const root = base.endsWith('/') ? base : `${base}/`;
  return {
    name,
    open: async (path, signal) => {
      const url = new URL(path, root).href;
      const response = await fetch(url, signal === undefined ? {} : { signal });
      if (response.status === 404) return undefined;
      if (!response.ok) {
        throw new EngineError('model-malformed', `${url} could not be fetched: the server answered ${response.status}`, {
          detail: { url, status: response.status },
        });
      }
      return blobSource(await response.blob(), path);
    },
  };
}
