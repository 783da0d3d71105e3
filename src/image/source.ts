/**
 * What an image field of a request may be: the address of an image, a data URI, base64 with or without
 * such a prefix, or a Blob; and how it becomes the bytes of an image file.
 *
 * Errors name the field and say what is allowed. Nothing is decoded here: see `decode.ts`.
 */

import { fieldError, theField } from '../util/field-error.ts';
import { imageType, namesOfImageTypes } from './image-type.ts';

/** In which of the accepted forms an image was given. */
export type ImageKind = 'url' | 'data-uri' | 'base64' | 'blob';

/** An image to fetch, or one whose bytes are at hand. */
export type ImageSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'data-uri' | 'base64' | 'blob'; readonly blob: Blob };

/** Options of {@link readImage}. */
export type ReadImageOptions = {
  /** The request's field, named in errors. */
  field: string;
  /** Gets what lies behind an address. Default: the platform's `fetch`. */
  fetch?: (url: string, init: { signal?: AbortSignal }) => Promise<Response>;
  /** Aborts the fetching. */
  signal?: AbortSignal;
};

/** Base64 characters that hold enough bytes to tell any type of image: 24 bytes. */
const CHARACTERS_TO_TELL_A_TYPE = 32;

/**
 * How `input` gives an image, judged by its beginning alone, so that a request is refused before
 * anything is decoded or drawn.
 */
export function imageKind(input: string | Blob, field: string): ImageKind {
  if (typeof input !== 'string') return 'blob';
  const text = input.trim();
  if (/^data:/i.test(text)) {
    assertImage(beginningOf(base64OfDataUri(text, field)), field);
    return 'data-uri';
  }
  if (/^(?:https?|blob):/i.test(text)) {
    if (!URL.canParse(text)) throw refused(field, 'is not a complete address');
    return 'url';
  }
  // Letters alone may be base64 or a word; the bytes behind them tell.
  if (!/^[\w+/=\s-]+$/.test(text)) throw refused(field, 'is neither an address nor base64');
  assertImage(beginningOf(text), field);
  return 'base64';
}

/** `input` as something to fetch or as a Blob with the type that its bytes tell. */
export async function imageSource(input: string | Blob, field: string): Promise<ImageSource> {
  if (typeof input !== 'string') return { kind: 'blob', blob: await typed(input, field) };
  const text = input.trim();
  const kind = imageKind(text, field);
  if (kind === 'url') return { kind, url: text };
  const base64 = kind === 'data-uri' ? base64OfDataUri(text, field) : text;
  const bytes = bytesOfBase64(base64);
  if (bytes === undefined) throw refused(field, 'holds base64 that is cut off or damaged');
  return {
    kind: kind === 'data-uri' ? kind : 'base64',
    blob: await typed(new Blob([bytes]), field),
  };
}

/** The image file that `input` gives, fetched if need be, with the type that its bytes tell. */
export async function readImage(input: string | Blob, options: ReadImageOptions): Promise<Blob> {
  const { field, signal } = options;
  signal?.throwIfAborted();
  const source = await imageSource(input, field);
  return source.kind === 'url' ? typed(await fetched(source.url, options), field) : source.blob;
}

async function fetched(url: string, options: ReadImageOptions): Promise<Blob> {
  const { field, signal, fetch: get = (address, init) => fetch(address, init) } = options;
  const failed = (reason: string, cause?: unknown): Error => {
    const message = `${theField(field)}: Unable to fetch image from provided URL: ${reason}`;
    return fieldError({ [field]: [message] }, { cause });
  };
  try {
    const response = await get(url, signal === undefined ? {} : { signal });
    if (response.ok) return await response.blob();
    throw failed(`the server answered ${response.status}.`);
  } catch (error) {
    signal?.throwIfAborted();
    // Fetch gives a TypeError without a reason when a server is away and when it forbids reading.
    if (!(error instanceof TypeError)) throw error;
    throw failed(
      'the server cannot be reached, or does not allow other origins to read it (CORS). ' +
        'Send the image itself, as a data URI or as base64.',
      error,
    );
  }
}

async function typed(blob: Blob, field: string): Promise<Blob> {
  const type = assertImage(new Uint8Array(await blob.slice(0, 64).arrayBuffer()), field);
  return blob.type === type ? blob : blob.slice(0, blob.size, type);
}

function assertImage(bytes: Uint8Array | undefined, field: string): string {
  const type = bytes && imageType(bytes);
  if (type === undefined) throw refused(field, 'is not an image');
  return type;
}

function refused(field: string, reason: string): Error {
  const allowed =
    `an http or https address, a data URI, base64, or a Blob of an image ` +
    `(${namesOfImageTypes()})`;
  return fieldError({ [field]: [`${theField(field)} ${reason}. Allowed is ${allowed}.`] });
}

function base64OfDataUri(text: string, field: string): string {
  const comma = text.indexOf(',');
  const isBase64 = comma > 0 && /;\s*base64\s*$/i.test(text.slice(0, comma));
  if (!isBase64) throw refused(field, 'is a data URI without base64');
  const body = text.slice(comma + 1);
  if (!body.includes('%')) return body;
  try {
    return decodeURIComponent(body);
  } catch {
    throw refused(field, 'is a data URI with a damaged escape');
  }
}

function beginningOf(base64: string): Uint8Array | undefined {
  // Mail and the command line break lines of base64, hence more than the characters wanted.
  const text = base64.slice(0, 2 * CHARACTERS_TO_TELL_A_TYPE).replaceAll(/\s/g, '');
  return bytesOfBase64(text.slice(0, text.length - (text.length % 4)) || text);
}

/** Accepts both alphabets, missing padding, and white space; undefined when it cannot be read. */
function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(base64.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch {
    return undefined;
  }
}
