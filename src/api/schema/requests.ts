/**
 * Bodies of text2img and img2img as typed requests.
 *
 * A body is an object of whatever clients send, from JSON or from a form. What comes out is plain data
 * that knows nothing of HTTP or of versions. Everything wrong with a body is reported at once, by
 * field; what is merely odd becomes a warning.
 */

import * as v from 'valibot';
import { fieldError, theField } from '../../util/field-error.ts';
import { toNumber } from './coerce.ts';
import { applyFeatures } from './features.ts';
import type { FeatureName, Support } from './features.ts';
import {
  ALIASES,
  commonFields,
  DEFAULT_LIMITS,
  FREE_TEXTS,
  initImageFields,
  SILENT_FIELDS,
} from './fields.ts';
import type { Limits } from './fields.ts';
import type { GenerationRequest, Img2imgRequest, Text2imgRequest } from './request-types.ts';
import { VERSIONS } from './versions.ts';
import type { ApiVersion } from './versions.ts';

/** A request, and what to tell the client beside the result. */
export type Parsed<T> = {
  /** What the client asked for. */
  readonly request: T;
  /** What to draw and to report: the same, less what is left out because it is missing. */
  readonly drawn: T;
  /** What was ignored, brought into range, or left out: a sentence each. */
  readonly warnings: readonly string[];
};

/** Options of reading a body. */
export type RequestOptions = {
  /** Whose habits apply. Default `v4`. */
  version?: ApiVersion;
  /** How much a request may ask for. Default {@link DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /** What this installation can do other than the table of features says. Default: nothing. */
  support?: Partial<Record<FeatureName, Support>>;
};

/** Reads the body of a text2img request; throws a `fieldError`. */
export function text2imgRequest(
  body: unknown,
  options: RequestOptions = {},
): Parsed<Text2imgRequest> {
  const { fields, ...rest } = read(body, commonFields(fieldOptions(options)));
  return parsed<Text2imgRequest>({ operation: 'text2img', ...fields }, rest, options);
}

/** Reads the body of an img2img request; throws a `fieldError`. */
export function img2imgRequest(
  body: unknown,
  options: RequestOptions = {},
): Parsed<Img2imgRequest> {
  const { img2imgSize } = VERSIONS[options.version ?? 'v4'];
  const entries = { ...commonFields(fieldOptions(options)), ...initImageFields() };
  const ignored = img2imgSize === 'init-image' ? ['width', 'height'] : [];
  const { fields, ...rest } = read(body, entries, ignored);
  const size = img2imgSize === 'init-image' ? { width: null, height: null } : {};
  return parsed<Img2imgRequest>({ operation: 'img2img', ...fields, ...size }, rest, options);
}

function parsed<T extends GenerationRequest>(
  request: T,
  { explicit, warnings }: { explicit: ReadonlySet<string>; warnings: readonly string[] },
  { support = {} }: RequestOptions,
): Parsed<T> {
  const applied = applyFeatures(request, { explicit, support });
  return { request, drawn: applied.drawn, warnings: [...warnings, ...applied.warnings] };
}

function fieldOptions({ version = 'v4', limits }: RequestOptions) {
  return { limits: { ...DEFAULT_LIMITS, ...limits }, usualFlag: VERSIONS[version].usualFlag };
}

/** Reads `body` by `entries`; values of `ignored` fields are not looked at. */
function read<E extends v.ObjectEntries>(
  body: unknown,
  entries: E,
  ignored: readonly string[] = [],
) {
  const { given, warnings } = documented(body, new Set(Object.keys(entries)), ignored);
  const input = Object.fromEntries(Object.keys(entries).map((name) => [name, given.get(name)]));
  const result = v.safeParse(v.object(entries), input);
  if (!result.success) throw fieldError(messagesOf(result.issues));
  return {
    fields: result.output,
    warnings: [...warnings, ...changes(given, result.output)],
    explicit: new Set(given.keys()),
  };
}

/** The fields that are there, under their documented names, and warnings about all others. */
function documented(body: unknown, names: ReadonlySet<string>, ignored: readonly string[]) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw fieldError({ body: ['The body must be a JSON object or a form.'] });
  }
  const present = Object.entries(body).filter(([name, value]) => !isBlank(name, value));
  const given = new Map<string, unknown>(present.filter(([name]) => names.has(name)));
  const warnings: string[] = [];
  for (const [name, value] of present) {
    if (names.has(name) || SILENT_FIELDS.has(name)) continue;
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
    if (alias === undefined || !names.has(alias)) {
      warnings.push(`${name} has no meaning here and was ignored.`);
    } else if (given.has(alias)) {
      warnings.push(`${name} was ignored, for ${alias} is there.`);
    } else {
      given.set(alias, value);
    }
  }
  for (const name of ignored) {
    if (given.delete(name)) warnings.push(`${name} was ignored: the init image's is taken.`);
  }
  return { given, warnings };
}

/** Clients leave fields away, or send null, or an empty text, or the word: all mean the default. */
function isBlank(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return value === undefined || value === null;
  const text = value.trim();
  return text === '' || (text === 'null' && !FREE_TEXTS.has(name));
}

/** What was brought into range: numbers that came out as others than they were sent. */
function changes(given: ReadonlyMap<string, unknown>, output: Record<string, unknown>): string[] {
  return [...given]
    .map(([name, value]) => ({ name, sent: toNumber(value), used: output[name] }))
    .filter(({ name, sent, used }) => {
      return name !== 'seed' && typeof used === 'number' && sent !== undefined && sent !== used;
    })
    .map(({ name, sent, used }) => `${name} was changed from ${sent} to ${String(used)}.`);
}

/** Sentences by field: an issue of a list's element belongs to the list. */
function messagesOf(issues: readonly v.BaseIssue<unknown>[]): Record<string, string[]> {
  const messages: Record<string, string[]> = {};
  for (const issue of issues) {
    const key = issue.path?.[0]?.key;
    const name = typeof key === 'string' ? key : 'body';
    const sentence = `${theField(name)} ${issue.message}`;
    const known = (messages[name] ??= []);
    if (!known.includes(sentence)) known.push(sentence);
  }
  return messages;
}
