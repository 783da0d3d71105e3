/**
 * The prompt syntax against recorded outputs of A1111's web UI.
 */

import { describe, expect, test } from 'vitest';
import { parseAttention } from '../../../../src/text/prompt/attention.ts';
import { splitComposition } from '../../../../src/text/prompt/composition.ts';
import { editSchedule, type EditRule } from '../../../../src/text/prompt/edit-schedule.ts';
import { LocatedText } from '../../../../src/text/prompt/located-text.ts';
import { readGolden } from '../../../support/goldens.ts';

type Vector<T> = { readonly in: string; readonly out: T };
type Vectors = {
  readonly parse_prompt_attention: Vector<[string, number][] | null>[];
  readonly and_split: Vector<[string, number][]>[];
} & Readonly<
  Record<
    'schedules_10_steps' | 'schedules_10_steps_hires_10' | 'schedules_old_10',
    Vector<[number, string][]>[]
  >
>;

const vectors = JSON.parse(
  new TextDecoder().decode(await readGolden('a1111-prompts.json')),
) as Vectors;

/** Pairs of text and weight, products of weights to the precision that the file asks for. */
function pairs(of: readonly (readonly [string, number])[]): unknown[] {
  return of.map(([text, weight]) => [text, expect.closeTo(weight, 9) as number]);
}

describe('attention', () => {
  const known = vectors.parse_prompt_attention.filter(({ out }) => out !== null);
  test.each(known.map((vector) => [vector.in, vector] as const))('%j', (_, vector) => {
    const { segments } = parseAttention(LocatedText.of(vector.in));
    const found = segments.map(({ text, weight }) => [text, weight]);
    expect(found).toEqual(pairs(vector.out ?? []));
  });

  const failing = vectors.parse_prompt_attention.filter(({ out }) => out === null);
  test.each(failing.map((vector) => vector.in))('%j, an error there, is text here', (text) => {
    const { segments, notes } = parseAttention(LocatedText.of(text));
    expect(segments).toEqual([{ kind: 'text', text: 'fox:1.2.3', weight: 1.1 }]);
    expect(notes).toEqual([expect.objectContaining({ start: 4, end: 11 })]);
  });
});

describe('composition', () => {
  test.each(vectors.and_split.map((vector) => [vector.in, vector] as const))('%j', (_, vector) => {
    const found = splitComposition(LocatedText.of(vector.in));
    expect(found.map(({ text, weight }) => [text.text, weight])).toEqual(vector.out);
  });
});

const RULES: readonly (readonly [keyof Vectors, EditRule])[] = [
  ['schedules_10_steps', { steps: 10 }],
  ['schedules_10_steps_hires_10', { steps: 10, firstPassSteps: 10 }],
  ['schedules_old_10', { steps: 10, fractions: 'below-one' }],
];
describe.each(RULES)('editing by %s', (name, rule) => {
  const list = vectors[name] as Vector<[number, string][]>[];
  test.each(list.map((vector) => [vector.in, vector] as const))('%j', (_, vector) => {
    const { stages } = editSchedule(LocatedText.of(vector.in), rule);
    expect(stages.map(({ until, text }) => [until, text.text])).toEqual(vector.out);
  });
});
