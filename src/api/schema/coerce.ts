/**
 * Schemas of single values as clients really send them: numbers as strings, flags in a dozen
 * spellings, lists as text.
 *
 * Each takes anything but `undefined` and either gives a plain value or says what it must be, as the
 * end of a sentence that begins with the field. Numbers out of range are brought into it, for no client
 * expects an error there. Absent values are no concern of this file: see `read-body.ts`.
 */

import * as v from 'valibot';
import { judgeImage } from '../../image/source.ts';

/** A schema that reads any value as a `T`. */
export type Reads<T> = v.GenericSchema<unknown, T>;

/** How flags are spelled, in any case; booleans and the numbers 1 and 0 beside them. */
const FLAG_SPELLINGS: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  on: true,
  1: true,
  no: false,
  false: false,
  off: false,
  0: false,
};

/** A number from `min` to `max`. */
export function number(min: number, max: number): Reads<number> {
  return v.pipe(
    v.unknown(),
    v.transform(toNumber),
    v.number('must be a number.'),
    v.toMinValue(min),
    v.toMaxValue(max),
  );
}

/** A whole number from `min` to `max`; what is behind the point is dropped. */
export function integer(min: number, max: number): Reads<number> {
  return v.pipe(number(min, max), v.transform(Math.trunc));
}

/** A width or height: from `min` to `max`, and down to a multiple of 8. */
export function side(min: number, max: number): Reads<number> {
  return v.pipe(
    integer(min, max),
    v.transform((pixels) => pixels - (pixels % 8)),
  );
}

/** yes or no. */
export function flag(): Reads<boolean> {
  return v.pipe(v.unknown(), v.transform(toFlag), v.boolean('must be yes or no.'));
}

/** One of `names`, exactly as they are spelled. */
export function choice<const T extends string>(names: readonly T[]): Reads<T> {
  return v.pipe(
    v.unknown(),
    v.transform(trimmed),
    v.picklist(names, `must be one of: ${names.join(', ')}.`),
  );
}

/** What one of the names in `values` stands for. */
export function named<T>(values: Readonly<Record<string, T>>): Reads<T> {
  return v.pipe(
    choice(Object.keys(values)),
    v.transform((name) => values[name] as T),
  );
}

/** Free text, as it is. Numbers count as text. */
export function text(): Reads<string> {
  return v.pipe(
    v.unknown(),
    v.transform((value) => (typeof value === 'number' ? String(value) : value)),
    v.string('must be a string.'),
  );
}

/** A name or id: text without spaces around it. */
export function id(): Reads<string> {
  return v.pipe(text(), v.trim());
}

/** A list of names: text between commas, or an array. */
export function list(): Reads<string[]> {
  return v.pipe(
    v.unknown(),
    v.transform(toList),
    v.array(id(), 'must be a list: text between commas, or an array.'),
  );
}

/** A list of numbers from `min` to `max`, given like a {@link list}. */
export function numbers(min: number, max: number): Reads<number[]> {
  const message = 'must be a list of numbers.';
  return v.pipe(v.unknown(), v.transform(toList), v.array(number(min, max), message));
}

/**
 * The number that chooses the noise: 0 to 2^32 - 1, others modulo 2^32; null for "any", which -1
 * means.
 */
export function seed(): Reads<number | null> {
  return v.pipe(
    v.unknown(),
    v.transform(toWhole),
    v.bigint('must be a whole number, or null for a random one.'),
    v.transform((whole) => (whole === -1n ? null : Number(BigInt.asUintN(32, whole)))),
  );
}

/** How many times larger the picture becomes: 1, 2 or 3; yes means 2. */
export function upscale(): Reads<1 | 2 | 3> {
  return v.pipe(
    v.unknown(),
    v.transform((value) => {
      const factor = toNumber(value);
      if (factor !== undefined) return Math.min(Math.max(Math.trunc(factor), 1), 3);
      const isWanted = toFlag(value);
      return isWanted === undefined ? undefined : isWanted ? 2 : 1;
    }),
    v.picklist([1, 2, 3], 'must be no, yes, 1, 2 or 3.'),
  );
}

/** Where to report to; null for the spellings of "nowhere". */
export function webhook(): Reads<string | null> {
  return v.pipe(
    v.unknown(),
    v.transform((value) => (toFlag(value) === false ? null : value)),
    v.nullable(
      v.pipe(id(), v.check(isWebAddress, 'must be an http or https address, or 0 for none.')),
    ),
  );
}

function isWebAddress(address: string): boolean {
  return /^https?:/i.test(address) && URL.canParse(address);
}

/** What the client calls this request: echoed as it is. */
export function trackId(): Reads<string | number> {
  return v.union([v.string(), v.number()], 'must be a string or a number.');
}

/** An image in any form that `readImage` takes, not yet decoded. */
export function image(): Reads<string | Blob> {
  const problemOf = (input: string | Blob): string | undefined => {
    const judgement = judgeImage(input);
    return 'problem' in judgement ? judgement.problem : undefined;
  };
  return v.pipe(
    v.unknown(),
    v.transform(trimmed),
    v.union([v.string(), v.blob()], 'must be an address, a data URI or base64.'),
    v.check(
      (input) => problemOf(input) === undefined,
      (issue) => problemOf(issue.input) ?? '',
    ),
  );
}

/** `value` as a number when it can be read as one, whether or not a field would take it. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined;
  if (typeof value !== 'string' || !isNumeral(value)) return undefined;
  return toNumber(Number(value));
}

/** The whole part of what {@link toNumber} reads, without loss at many digits. */
function toWhole(value: unknown): bigint | undefined {
  if (typeof value === 'string' && /^\s*[+-]?\d{1,400}\s*$/.test(value)) {
    return value.includes('-') ? -BigInt(value.replace('-', '')) : BigInt(value.replace('+', ''));
  }
  const read = toNumber(value);
  return read === undefined ? undefined : BigInt(Math.trunc(read));
}

/** Decimal numerals only: `Number` would take hexadecimal ones as well, and white space as zero. */
function isNumeral(value: string): boolean {
  return /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(value);
}

/** `value` as a flag, in any of its spellings; undefined for others. */
export function toFlag(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const spelling = String(value).trim().toLowerCase();
  return Object.hasOwn(FLAG_SPELLINGS, spelling) ? FLAG_SPELLINGS[spelling] : undefined;
}

/** The entries of a list, given as text between commas, as an array or as one number; undefined for anything else. */
export function toList(value: unknown): unknown {
  const items: unknown = typeof value === 'number' ? [value] : value;
  if (typeof items === 'string') return toList(items.split(','));
  if (!Array.isArray(items)) return undefined;
  return items.map(trimmed).filter((item) => item !== '' && item !== null);
}

function trimmed(value: unknown): unknown {
  return typeof value === 'string' ? value.trim() : value;
}
