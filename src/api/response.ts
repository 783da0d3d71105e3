/**
 * The bodies of replies: success, processing, failed and error.
 *
 * Names and kinds of fields are those of the API, down to `messege`: half of its clients read that and
 * half `message`, so wherever one stands both do, with the same value. Which version has which fields
 * is told by `schema/versions.ts`. HTTP itself, codes and headers, is none of this file's business.
 */

import { isEngineError } from '../errors.ts';
import { fieldMessages } from '../util/field-error.ts';
import type { FieldMessages } from '../util/field-error.ts';
import { generationMeta } from './meta.ts';
import type { Drawing, MetaValue } from './meta.ts';
import { VERSIONS } from './schema/versions.ts';
import type { ApiVersion } from './schema/versions.ts';

/** What both kinds of answer to a generation are made of. */
type Answer = {
  /** Whose habits apply. */
  version: ApiVersion;
  /** The job's number: a positive safe integer. */
  id: number;
  drawing: Drawing;
  /** What was ignored or left out; the field is absent when there is nothing to say. */
  warnings?: readonly string[];
  /** Advice for next time; absent when there is none. */
  tip?: string;
};

/** What a {@link successBody} is made of. */
export type SuccessOptions = Answer & {
  /** Seconds from the request to the result. */
  seconds: number;
  /** Where the pictures are, in order. */
  output: readonly string[];
  /** Whether the safety checker hid a picture. Default false. */
  nsfw?: boolean;
};

/** What a {@link processingBody} is made of. */
export type ProcessingOptions = Answer & {
  /** Seconds that the job still needs. */
  eta: number;
  /** Scheme and host that the request came to, such as `https://example.com`. */
  origin: string;
  /** Where the pictures will be, in order. */
  futureLinks: readonly string[];
};

/** The pictures are there. */
export type SuccessBody = {
  status: 'success';
  generationTime: number;
  id: number;
  output: readonly string[];
  proxy_links?: readonly string[];
  nsfw_content_detected?: boolean;
  webhook_status?: '';
  meta: Record<string, MetaValue>;
  tip?: string;
  warnings?: readonly string[];
};

/** The pictures will be there: ask again at `fetch_result`. */
export type ProcessingBody = {
  status: 'processing';
  tip?: string;
  eta: number;
  message: string;
  messege: string;
  webhook_status: '';
  fetch_result: string;
  id: number;
  output: readonly string[] | '';
  meta: Record<string, MetaValue>;
  future_links: readonly string[];
  warnings?: readonly string[];
};

/** The request was refused: by a sentence, or by sentences under the fields' names. */
export type ErrorBody = {
  status: 'error';
  message: string | FieldMessages;
  messege: string | FieldMessages;
  tip?: string;
};

/** The job failed. */
export type FailedBody = {
  status: 'failed';
  id: '';
  message: string;
  messege: string;
  output: '';
};

/** The sentences that clients compare with. */
export const ERROR_MESSAGES = {
  badKey: 'Invalid Api Key',
  badRequest: 'Invalid API Request',
  modelMissing: 'Model id not found',
  modelUnknown: 'Model not found',
  pathUnknown: 'Endpoint not found',
  requestUnknown: 'Request not found',
  failed: 'Failed, Try Again',
  repeated: 'Rate limit exceeded',
  internal: 'Internal server error. Please try again.',
} as const;

/** What goes with {@link ERROR_MESSAGES.badKey}, which also answers bodies that cannot be read. */
export const BAD_KEY_TIP =
  '1. Make sure you are passing Content-Type: application/json in header. ' +
  '2. Make sure you are doing POST request with valid JSON. ' +
  '3. Make sure your JSON does not have error, use jsonlint to validate json array. ' +
  '4. Make sure you have valid API key.';

/** The reply to a generation that is done. */
export function successBody(options: SuccessOptions): SuccessBody {
  const { version, id, drawing, seconds, output, nsfw = false } = options;
  const { timeDecimals, hasLinksBesideMeta } = VERSIONS[version];
  return {
    status: 'success',
    generationTime: timeDecimals === undefined ? seconds : rounded(seconds, timeDecimals),
    id,
    output,
    ...(hasLinksBesideMeta
      ? { proxy_links: output, nsfw_content_detected: nsfw, webhook_status: '' }
      : {}),
    meta: generationMeta(drawing, version),
    ...remarks(options),
  };
}

/** The reply to a generation that takes longer than the client should wait. */
export function processingBody(options: ProcessingOptions): ProcessingBody {
  const { version, drawing, futureLinks } = options;
  return {
    ...waitingBody(options),
    // Empty text where the API's pages have it so.
    output: drawing.request.operation === 'controlnet' ? '' : [],
    meta: generationMeta(drawing, version),
    future_links: futureLinks,
    ...remarks(options),
  };
}

/** What the replies to all jobs have in common that take longer. */
export function waitingBody({
  version,
  id,
  eta,
  origin,
}: Pick<ProcessingOptions, 'version' | 'id' | 'eta' | 'origin'>) {
  const { waitMessage, wholeEta, fetchPath } = VERSIONS[version];
  return {
    status: 'processing',
    eta: wholeEta ? Math.ceil(eta) : eta,
    message: waitMessage,
    messege: waitMessage,
    webhook_status: '',
    fetch_result: `${origin}/api/${fetchPath}/${id}`,
    id,
  } as const;
}

/** The reply to a request that is refused. */
export function errorBody(message: string | FieldMessages, tip?: string): ErrorBody {
  const body: ErrorBody = { status: 'error', message, messege: message };
  return tip === undefined ? body : { ...body, tip };
}

/** The reply to a request that repeats another one too soon. */
export function repeatedBody(): ErrorBody & { tips: string } {
  const tips =
    'you are sending same request multiple times, spam filter is enabled, please wait for 30 seconds and try again';
  return { ...errorBody(ERROR_MESSAGES.repeated), tips };
}

/** The state of a job that went wrong. */
export function failedBody(message: string = ERROR_MESSAGES.failed): FailedBody {
  return { status: 'failed', id: '', message, messege: message, output: '' };
}

/** The reply that tells of `error`: by field where it names fields, and by its own words else. */
export function bodyOfError(error: unknown, version: ApiVersion = 'v4'): ErrorBody {
  const fields = fieldMessages(error);
  if (fields !== undefined && VERSIONS[version].fieldErrors === 'map') return errorBody(fields);
  // What is no EngineError was not foreseen, and its words are for the console.
  return errorBody(isEngineError(error) ? error.message : ERROR_MESSAGES.internal);
}

function remarks({ tip, warnings = [] }: Answer): { tip?: string; warnings?: readonly string[] } {
  return {
    ...(tip === undefined ? {} : { tip }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

function rounded(x: number, decimals: number): number {
  return Math.round(x * 10 ** decimals) / 10 ** decimals;
}
