/**
 * The language in which recorded calls say what a reply must be: values, and objects whose keys begin with `$`.
 */

import { isDeepStrictEqual } from 'node:util';

/** Ends of the texts that `enhance_prompt` adds to a prompt. */
const ENHANCED = /(?:RAW, unedited, symmetrical balance, in-frame|HDR 4K, 8K)$/;

/** Where `actual` is not what `expected` describes: sentences, none when all is well. */
export function mismatches(actual: unknown, expected: unknown, path = ''): string[] {
  const found = `${path || 'the value'} is ${shown(actual)}, expected ${shown(expected)}`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return [found];
    return expected.flatMap((value, i) => mismatches(actual[i], value, `${path}[${i}]`));
  }
  if (!isObject(expected)) return isSame(actual, expected) ? [] : [found];
  if (expected['$optional'] === true && actual === undefined) return [];
  const matchers = Object.keys(expected).filter(
    (key) => key.startsWith('$') && key !== '$optional',
  );
  const failed = matchers.filter((key) => !matches(key, actual, expected[key]));
  if (failed.length > 0) return [found];
  const plain = Object.entries(expected).filter(([key]) => !key.startsWith('$'));
  if (plain.length === 0) return [];
  if (!isObject(actual)) return [found];
  return plain.flatMap(([keys, value]) => {
    const at = path === '' ? keys : `${path}.${keys}`;
    // `a|b`: at least one of the names is there, with that value.
    const names = keys.split('|');
    const results = names.map((key) => mismatches(actual[key], value, at));
    return results.some((one) => one.length === 0) ? [] : (results[0] ?? []);
  });
}

function matches(matcher: string, actual: unknown, expected: unknown): boolean {
  switch (matcher) {
    case '$type':
      if (expected === 'integer') return Number.isSafeInteger(actual);
      return expected === 'array' ? Array.isArray(actual) : typeof actual === expected;
    case '$length':
      return Array.isArray(actual) && actual.length === expected;
    case '$between': {
      const [low, high] = expected as [number, number];
      return typeof actual === 'number' && actual >= low && actual <= high;
    }
    case '$oneOf':
      return (expected as unknown[]).some((one) => mismatches(actual, one).length === 0);
    case '$number':
      return actual !== '' && Number(actual) === expected;
    case '$match':
      return typeof actual === 'string' && new RegExp(String(expected)).test(actual);
    case '$contains':
      return containsAll(stringsIn(actual), expected);
    case '$contains_ci':
      return containsAll(
        stringsIn(actual).map((text) => text.toLowerCase()),
        [expected].flat().map((text) => String(text).toLowerCase()),
      );
    case '$absent':
      return (actual === undefined) === expected;
    case '$enhanced':
      return typeof actual === 'string' && ENHANCED.test(actual) === expected;
    default:
      throw new Error(`unknown matcher ${matcher}`);
  }
}

/** Texts are compared without the spaces around them. */
function isSame(actual: unknown, expected: unknown): boolean {
  return typeof actual === 'string' && typeof expected === 'string'
    ? actual.trim() === expected.trim()
    : isDeepStrictEqual(actual, expected);
}

/** Whether each of the wanted texts lies in one of `strings`. */
function containsAll(strings: readonly string[], wanted: unknown): boolean {
  return [wanted].flat().every((part) => strings.some((text) => text.includes(String(part))));
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
