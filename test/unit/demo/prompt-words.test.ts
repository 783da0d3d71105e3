/**
 * The page's words for how a prompt was read.
 */

import { describe, expect, test } from 'vitest';

import {
  embeddingRemarks,
  excerpt,
  heldTexts,
  tokensText,
  weightText,
} from '../../../demo/prompt-words.ts';

function stage(from: number, until: number, text: string) {
  return {
    from,
    until,
    pieces: [{ kind: 'text', text, weight: 1 } as const],
    tokens: 1,
    capacity: 75,
  };
}

describe('a prompt’s words', () => {
  test('name the steps of each text once', () => {
    const turns = ['cat', 'dog', 'cat', 'dog', 'cat', 'dog', 'cat', 'dog', 'cat'];
    const alternation = turns.map((text, i) => stage(i + 1, i + 1, text));
    expect(heldTexts(alternation).map(({ steps }) => steps)).toEqual([
      'steps 1, 3, 5, 7, …',
      'steps 2, 4, 6, 8',
    ]);
    const edit = [stage(1, 10, 'cat'), stage(11, 11, 'dog')];
    expect(heldTexts(edit).map(({ steps }) => steps)).toEqual(['steps 1–10', 'step 11']);
  });

  test('count tokens, and chunks where there are several', () => {
    expect(tokensText({ tokens: 12, capacity: 75 })).toBe('12 of 75 tokens');
    expect(tokensText({ tokens: 92, capacity: 150 })).toBe('92 of 150 tokens in 2 chunks');
  });

  test.each([
    [1.1 ** 2, '×1.21'],
    [1 / 1.1, '×0.91'],
    [-0.5, '×-0.5'],
    [0.0421, '×0.042'],
    [1, '×1'],
  ])('write a weight of %d as %s', (weight, text) => {
    expect(weightText(weight)).toBe(text);
  });

  test('say of embeddings whether they are chosen', () => {
    const known = ['easy-negative', 'toy', 'absent'];
    const remarks = embeddingRemarks('a Toy, Easy-Negative', { known, chosen: ['toy'] });
    expect(remarks).toMatchObject([
      { start: 7, end: 20, message: expect.stringContaining('not chosen') },
      { start: 2, end: 5, message: expect.stringContaining('not counted') },
    ]);
  });

  test('do not take a part of an embedding’s name for another embedding', () => {
    const remarks = embeddingRemarks('a toy-box and a toy', {
      known: ['toy', 'toy-box'],
      chosen: [],
    });
    expect(remarks.map(({ start, end }) => [start, end])).toEqual([
      [2, 9],
      [16, 19],
    ]);
    expect(embeddingRemarks('toy-box', { known: ['toy', 'toy-box'], chosen: [] })).toHaveLength(1);
  });

  test('show the place of a remark with what is around it', () => {
    expect(excerpt('a cat (oh', { start: 6, end: 7 })).toEqual({
      before: 'a cat ',
      marked: '(',
      after: 'oh',
    });
    const long = `${'x'.repeat(30)}(${'y'.repeat(30)}`;
    expect(excerpt(long, { start: 30, end: 31 })).toEqual({
      before: `…${'x'.repeat(14)}`,
      marked: '(',
      after: `${'y'.repeat(14)}…`,
    });
  });
});
