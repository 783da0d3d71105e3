/**
 * What an image field of a request may be: the address of an image, a data URI, base64 with or without
 * such a prefix, or a Blob; and how it becomes the bytes of an image file.
 *
 * Errors name the field and say what is allowed. Nothing is decoded here: see `decode.ts`.
 */

import { isEngineError } from '../errors.ts';
import { fieldError, fieldMessages, theField } from '../util/field-error.ts';
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

/** The form of an image, or what is wrong with it, as the end of a sentence about its field. */
export type ImageJudgement = { readonly kind: ImageKind } | { readonly problem: string };

/**
 * How `input` gives an image, judged by its beginning alone, so that a request is refused before
 * anything is decoded or drawn.
 */
export function judgeImage(input: string | Blob): ImageJudgement {
  if (typeof input !== 'string') return { kind: 'blob' };
  const text = input.trim();
  if (/^data:/i.test(text)) {
    const base64 = base64OfDataUri(text);
    if (base64 === undefined) return refused('is a data URI without readable base64');
    return beginsAnImage(base64) ? { kind: 'data-uri' } : refused('is not an image');
  }
  if (/^(?:https?|blob):/i.test(text)) {
    return URL.canParse(text) ? { kind: 'url' } : refused('is not a complete address');
  }
  // Letters alone may be base64 or a word; the bytes behind them tell.
  if (!/^[\w+/=\s-]+$/.test(text)) return refused('is neither an address nor base64');
  return beginsAnImage(text) ? { kind: 'base64' } : refused('is not an image');
}

/** `input` as something to fetch or as a Blob with the type that its bytes tell. */
export async function imageSource(input: string | Blob, field: string): Promise<ImageSource> {
  const judgement = judgeImage(input);
  if ('problem' in judgement) throw refusal(field, judgement);
  const { kind } = judgement;
  if (typeof input !== 'string') return { kind: 'blob', blob: await typed(input, field) };
  const text = input.trim();
  if (kind === 'url') return { kind, url: text };
  const base64 = kind === 'data-uri' ? base64OfDataUri(text) : text;
  const bytes = bytesOfBase64(base64 ?? '');
  if (bytes === undefined) throw refusal(field, refused('holds base64 that is cut off or damaged'));
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
  return source.kind === 'url' ? fetched(source.url, options) : source.blob;
}

async function fetched(url: string, options: ReadImageOptions): Promise<Blob> {
  const { field, signal, fetch: get = (address, init) => fetch(address, init) } = options;
  const failed = (reason: string, cause?: unknown): Error => {
    const message = `${theField(field)}: Unable to fetch image from provided URL: ${reason}`;
    return fieldError({ [field]: [message] }, { cause });
  };
  try {
    const response = await get(url, signal === undefined ? {} : { signal });
    if (!response.ok) throw failed(`the server answered ${response.status}.`);
    const blob = await response.blob();
    const type = await typeOf(blob);
    if (type !== undefined) return retyped(blob, type);
    const what = blob.type === '' ? '' : `, but ${blob.type}`;
    throw failed(`what it leads to is not an image (${namesOfImageTypes()})${what}.`);
  } catch (error) {
    signal?.throwIfAborted();
    // Whoever gets it may have reasons of its own.
    if (isEngineError(error) && fieldMessages(error) === undefined) {
      throw failed(error.message, error);
    }
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
  const type = await typeOf(blob);
  if (type === undefined) throw refusal(field, refused('is not an image'));
  return retyped(blob, type);
}

async function typeOf(blob: Blob): Promise<string | undefined> {
  return imageType(new Uint8Array(await blob.slice(0, 64).arrayBuffer()));
}

function retyped(blob: Blob, type: string): Blob {
  return blob.type === type ? blob : blob.slice(0, blob.size, type);
}

function refused(reason: string): { problem: string } {
  const allowed =
    'an http or https address, a data URI, base64, or a Blob of an image ' +
    `(${namesOfImageTypes()})`;
  return { problem: `${reason}. Allowed is ${allowed}.` };
}

function refusal(field: string, { problem }: { problem: string }): Error {
  return fieldError({ [field]: [`${theField(field)} ${problem}`] });
}

/** What follows the comma of a data URI; undefined when that is no base64. */
function base64OfDataUri(text: string): string | undefined {
  const comma = text.indexOf(',');
  if (comma < 0 || !/;\s*base64\s*$/i.test(text.slice(0, comma))) return undefined;
  const body = text.slice(comma + 1);
  try {
    return body.includes('%') ? decodeURIComponent(body) : body;
  } catch {
    return undefined;
  }
}

function beginsAnImage(base64: string): boolean {
  // Mail and the command line break lines of base64, hence more than the characters wanted.
  const text = base64.slice(0, 2 * CHARACTERS_TO_TELL_A_TYPE).replaceAll(/\s/g, '');
  const bytes = bytesOfBase64(text.slice(0, text.length - (text.length % 4)) || text);
  return bytes !== undefined && imageType(bytes) !== undefined;
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
