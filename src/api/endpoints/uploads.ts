/**
 * Images that clients leave here for later requests, and their deletion.
 */

import type { ObjectEntries } from 'valibot';
import { decodeImage } from '../../image/decode.ts';
import type { Picture } from '../../image/picture.ts';
import { encodePng } from '../../image/png.ts';
import { readImage } from '../../image/source.ts';
import { fieldError, theField } from '../../util/field-error.ts';
import type { ApiContext, Call } from '../context.ts';
import { errorBody, ERROR_MESSAGES } from '../response.ts';
import { readBody } from '../schema/read-body.ts';
import { CROP_FIELDS, TO_URL_FIELDS, UPLOAD_FIELDS } from '../schema/tool-fields.ts';
import { requestedId } from './fetch.ts';

/** upload_image: keeps an image until it is deleted, or too many jobs came after it. */
export async function uploadImage(call: Call, context: ApiContext): Promise<object> {
  const { base64_image: image } = fieldsOf(call, UPLOAD_FIELDS);
  const { link } = await kept(await uploaded(image, 'base64_image', context), call, context);
  const message = 'image uploaded';
  return { status: 'success', message, image_url: link };
}

/** base64_to_url: keeps an image for a day. */
export async function base64ToUrl(call: Call, context: ApiContext): Promise<object> {
  const { base64_string: image } = fieldsOf(call, TO_URL_FIELDS);
  const blob = await uploaded(image, 'base64_string', context);
  const { link, id } = await kept(blob, call, context, true);
  return { status: 'success', output: [link], request_id: id };
}

/** base64_crop: keeps an image, with `crop` its middle square as PNG. */
export async function base64Crop(call: Call, context: ApiContext): Promise<object> {
  const { image, crop } = fieldsOf(call, CROP_FIELDS);
  const blob = await uploaded(image, 'image', context);
  const { link, id } = await kept(crop ? await middleSquare(blob) : blob, call, context);
  const message = 'image uploaded';
  return { status: 'success', message, messege: message, link, request_id: id };
}

/** delete_image: forgets an upload, or a job that has ended, with its files. */
export async function deleteImage(call: Call, { queue }: ApiContext): Promise<object> {
  const id = requestedId(call);
  const isGone = id !== undefined && (await queue.remove(id));
  if (!isGone) return errorBody(ERROR_MESSAGES.requestUnknown);
  const message = 'image deleted';
  return { status: 'success', message, messege: message };
}

function fieldsOf<E extends ObjectEntries>({ body }: Call, entries: E) {
  return readBody(body, entries).fields;
}

async function uploaded(
  image: string | Blob,
  field: string,
  { fetch, settings }: ApiContext,
): Promise<Blob> {
  const blob = await readImage(image, { field, fetch, signal: AbortSignal.timeout(30_000) });
  const { maxUploadBytes } = settings;
  if (blob.size <= maxUploadBytes) return blob;
  const message = `${theField(field)} must be at most ${maxUploadBytes} bytes, got ${blob.size}.`;
  throw fieldError({ [field]: [message] });
}

async function kept(
  blob: Blob,
  { origin }: Call,
  { queue, links }: ApiContext,
  isTemporary = false,
): Promise<{ link: string; id: number }> {
  const ending = /^image\/(\w+)/.exec(blob.type)?.[1]?.replace('jpeg', 'jpg') ?? 'png';
  const name = `${crypto.randomUUID()}.${ending}`;
  const id = await queue.keep([{ name, blob }], { note: {}, isTemporary });
  return { id, link: await links.link(name, origin) };
}

async function middleSquare(blob: Blob): Promise<Blob> {
  const picture = await decodeImage(blob, 'image');
  return new Blob([await encodePng(cropped(picture))], { type: 'image/png' });
}

function cropped({ width, height, channels, data }: Picture): Picture {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) >> 1, (height - side) >> 1];
  const square = new Uint8Array(side * side * channels);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * width + left) * channels;
    square.set(data.subarray(from, from + side * channels), y * side * channels);
  }
  return { width: side, height: side, channels, data: square };
}
