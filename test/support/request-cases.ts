/**
 * The recorded calls of `test/requests`, and the matchers that their expectations are written in.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

/** One recorded call. */
export type RequestCase = {
  name: string;
  path: string;
  body: unknown;
  expect: {
    operation: 'text2img' | 'img2img';
    status: string[];
    fixtures?: { images?: Record<string, [number, number]>; default_model?: string | null };
    coerced?: Record<string, unknown>;
    reply?: { meta?: Record<string, unknown>; message?: unknown; fetch_result?: unknown };
  };
};

const FOLDER = new URL('../requests/', import.meta.url);

/** All recorded calls. */
export function requestCases(): RequestCase[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as RequestCase);
}

/** Where `actual` is not what `expected` describes: paths, nothing when all is well. */
export function mismatches(actual: unknown, expected: unknown, path = ''): string[] {
  const found = `${path || 'the value'} is ${JSON.stringify(actual)}`;
  if (!isObject(expected)) return isDeepStrictEqual(actual, expected) ? [] : [found];
  const matchers = Object.keys(expected).filter((key) => key.startsWith('$'));
  if (matchers.length > 0) {
    return matchers.every((key) => matches(key, actual, expected[key])) ? [] : [found];
  }
  if (!isObject(actual)) return [found];
  return Object.entries(expected).flatMap(([key, value]) =>
    mismatches(actual[key], value, path === '' ? key : `${path}.${key}`),
  );
}

function matches(matcher: string, actual: unknown, expected: unknown): boolean {
  const number = Number(actual);
  switch (matcher) {
    case '$type':
      if (expected === 'integer') return Number.isSafeInteger(actual);
      return expected === 'array' ? Array.isArray(actual) : typeof actual === expected;
    case '$length':
      return Array.isArray(actual) && actual.length === expected;
    case '$between': {
      const [low, high] = expected as [number, number];
      return number >= low && number <= high;
    }
    case '$oneOf':
      return (expected as unknown[]).some((one) => mismatches(actual, one).length === 0);
    case '$number':
      return number === expected;
    case '$match':
      return typeof actual === 'string' && new RegExp(String(expected)).test(actual);
    case '$contains':
      return containsAll(actual, expected);
    case '$contains_ci':
      return containsAll(JSON.stringify(actual).toLowerCase(), lowerCased(expected));
    case '$absent':
      return actual === undefined;
    case '$enhanced':
      return true; // Texts are enhanced elsewhere.
    default:
      throw new Error(`unknown matcher ${matcher}`);
  }
}

/** Whether each of the strings lies in `actual`, or in any string in it. */
function containsAll(actual: unknown, wanted: unknown): boolean {
  const strings = stringsIn(actual);
  return [wanted].flat().every((part) => strings.some((text) => text.includes(String(part))));
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return isObject(value) || Array.isArray(value) ? Object.values(value).flatMap(stringsIn) : [];
}

function lowerCased(value: unknown): string[] {
  return [value].flat().map((part) => String(part).toLowerCase());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
