/**
 * The images of a request as pixels: fetched with patience, but not without end.
 */

import { decodeImage } from '../image/decode.ts';
import type { Picture } from '../image/picture.ts';
import { readImage } from '../image/source.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { ImageField } from './artist.ts';
import type { ApiContext } from './context.ts';
import type { GenerationRequest } from './schema/request-types.ts';

const FIELDS: readonly ImageField[] = [
  'init_image',
  'mask_image',
  'control_image',
  'ip_adapter_image',
];

/** Seconds until an image that does not come is given up. */
const PATIENCE = 30;

/** The image in `field`; throws a `fieldError`, or the signal's reason. */
export async function readPicture(
  image: string | Blob,
  field: string,
  context: Pick<ApiContext, 'fetch' | 'links' | 'queue'>,
  signal?: AbortSignal,
): Promise<Picture> {
  const timeout = AbortSignal.timeout(PATIENCE * 1000);
  const either = new AbortController();
  const stop = ({ target }: Event): void => either.abort((target as AbortSignal).reason);
  if (signal?.aborted === true) either.abort(signal.reason);
  signal?.addEventListener('abort', stop, { once: true });
  timeout.addEventListener('abort', stop, { once: true });
  try {
    const blob = await readImage(image, {
      field,
      fetch: async (url, init) => (await ownFile(url, context)) ?? context.fetch(url, init),
      signal: either.signal,
    });
    return await decodeImage(blob, field);
  } catch (error) {
    signal?.throwIfAborted();
    if (!timeout.aborted || error !== timeout.reason) throw error;
    const message = `${theField(field)}: Unable to fetch image from provided URL: no answer within ${PATIENCE} seconds.`;
    throw fieldError({ [field]: [message] }, { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
    timeout.removeEventListener('abort', stop);
  }
}

/** All images that `request` holds, by field. */
export async function readPictures(
  request: GenerationRequest,
  context: Pick<ApiContext, 'fetch' | 'links' | 'queue'>,
  signal?: AbortSignal,
): Promise<Partial<Record<ImageField, Picture>>> {
  const sent: Partial<Record<ImageField, string | Blob | null>> = request;
  const entries = await Promise.all(
    FIELDS.map(async (field) => {
      const image = sent[field] ?? null;
      return image === null
        ? []
        : [[field, await readPicture(image, field, context, signal)] as const];
    }),
  );
  return Object.fromEntries(entries.flat());
}

/** People send back what they were given: that need not travel over any network. */
async function ownFile(
  url: string,
  { links, queue }: Pick<ApiContext, 'links' | 'queue'>,
): Promise<Response | undefined> {
  const name = links.nameOf?.(url);
  const file = name === undefined ? undefined : await queue.file(name);
  return file && new Response(file);
}
