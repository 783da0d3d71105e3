/**
 * How a body fares: read, or refused by field.
 */

import { text2imgRequest } from '../../../src/api/schema/requests.ts';
import type { RequestOptions } from '../../../src/api/schema/requests.ts';
import type { Text2imgRequest } from '../../../src/api/schema/request-types.ts';
import { fieldMessages } from '../../../src/util/field-error.ts';
import type { FieldMessages } from '../../../src/util/field-error.ts';

/** What `act` gives, or what it says about fields; any other error goes through. */
export function attempt<T>(act: () => T): { value?: T; fields: FieldMessages } {
  try {
    return { value: act(), fields: {} };
  } catch (error) {
    const fields = fieldMessages(error);
    if (fields === undefined) throw error;
    return { fields };
  }
}

/** Name of a field. */
export type Field = keyof Text2imgRequest;

/** All features that the table asks for are there. */
const support: NonNullable<RequestOptions['support']> = {
  lora_model: 'ready',
  embeddings_model: 'ready',
  vae: 'ready',
  ip_adapter_id: 'ready',
  panorama: 'ready',
  self_attention: 'ready',
  highres_fix: 'ready',
  upscale: 'ready',
};

/** What `value` of a field is read as. */
export function readAs(field: Field, value: unknown): unknown {
  return text2imgRequest({ prompt: 'a cat', [field]: value }, { support }).request[field];
}

/** What is said about the fields of a body; nothing when it is taken. */
export function complaints(
  body: unknown,
  read: (body: unknown, options: RequestOptions) => unknown = text2imgRequest,
): FieldMessages {
  return attempt(() => read(body, { support })).fields;
}
