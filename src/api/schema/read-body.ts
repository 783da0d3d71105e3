/**
 * Fields out of a body, whatever a client made of it: other names, blanks, values out of range.
 *
 * Everything wrong is reported at once, by field; what is merely odd becomes a warning.
 */

import * as v from 'valibot';
import { fieldError, theField } from '../../util/field-error.ts';
import { toList, toNumber } from './coerce.ts';
import { ALIASES, FREE_TEXTS, SILENT_FIELDS } from './fields.ts';

/** How fields of a body are found. */
export type ReadBodyOptions = {
  /** Fields whose values are not looked at. */
  readonly ignored?: readonly string[];
  /** Other names that win over the documented ones when both are there. */
  readonly preferred?: readonly string[];
  /** Names that clients use in place of the documented ones. Default: those of generations. */
  readonly aliases?: Readonly<Record<string, string>>;
};

/** Reads `body` by `entries`; throws a `fieldError` about everything that is wrong. */
export function readBody<E extends v.ObjectEntries>(
  body: unknown,
  entries: E,
  options: ReadBodyOptions = {},
) {
  const { given, warnings } = documented(body, new Set(Object.keys(entries)), options);
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
function documented(
  body: unknown,
  names: ReadonlySet<string>,
  { ignored = [], preferred = [], aliases = ALIASES }: ReadBodyOptions,
) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw fieldError({ body: ['The body must be a JSON object or a form.'] });
  }
  const present = Object.entries(body).filter(([name, value]) => !isBlank(name, value));
  const given = new Map<string, unknown>(present.filter(([name]) => names.has(name)));
  const warnings: string[] = [];
  for (const [name, value] of present) {
    if (names.has(name) || SILENT_FIELDS.has(name)) continue;
    const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    if (alias === undefined || !names.has(alias)) {
      warnings.push(`${name} has no meaning here and was ignored.`);
    } else if (given.has(alias) && preferred.includes(name)) {
      warnings.push(`${alias} was ignored, for ${name} is there.`);
      given.set(alias, value);
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

/** What was brought into range: numbers, also in lists, that came out as others than they were sent. */
function changes(given: ReadonlyMap<string, unknown>, output: Record<string, unknown>): string[] {
  return [...given].flatMap(([name, value]) => {
    const used = output[name];
    const pairs = Array.isArray(used)
      ? used.map((item: unknown, i) => [listed(value)[i], item] as const)
      : [[value, used] as const];
    return pairs.flatMap(([from, to]) => {
      const sent = toNumber(from);
      const isChanged = typeof to === 'number' && sent !== undefined && sent !== to;
      return isChanged && name !== 'seed' ? [`${name} was changed from ${sent} to ${to}.`] : [];
    });
  });
}

/** What was sent as a list that could be read. */
function listed(value: unknown): readonly unknown[] {
  const items = toList(value);
  return Array.isArray(items) ? items : [];
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
