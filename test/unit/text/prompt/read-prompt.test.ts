/**
 * Whole prompts: what is read from them in which order, and what their authors are told.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAttention } from '../../../../src/text/prompt/attention.ts';
import { LocatedText } from '../../../../src/text/prompt/located-text.ts';
import { plainPrompt, readPrompt } from '../../../../src/text/prompt/read-prompt.ts';

/** Text and weights of all segments, by sub-prompt and stage. */
function segments(prompt: string, steps = 10): unknown {
  return readPrompt(prompt, { steps }).subPrompts.map(({ weight, stages }) => ({
    weight,
    stages: stages.map((stage) => [
      stage.until,
      ...stage.segments.map((each) => [each.text, each.weight]),
    ]),
  }));
}

/** The notes of a prompt with the text that they point at. */
function notes(prompt: string): string[][] {
  const found = readPrompt(prompt, { steps: 10 }).notes;
  return found.map(({ start, end, message }) => [prompt.slice(start, end), message]);
}

describe('a prompt', () => {
  test('is composed first, then edited, then weighted', () => {
    expect(segments('a (red:1.2) fox [:snow:0.5] AND [day|night] :0.5', 2)).toEqual([
      {
        weight: 1,
        stages: [
          [1, ['a ', 1], ['red', 1.2], [' fox ', 1]],
          [2, ['a ', 1], ['red', 1.2], [' fox snow', 1]],
        ],
      },
      {
        weight: 0.5,
        stages: [
          [1, [' day', 1]],
          [2, [' night', 1]],
        ],
      },
    ]);
  });

  test('that is not composed keeps the number at its end', () => {
    expect(segments('a wide shot, 16:9')).toEqual([
      { weight: 1, stages: [[10, ['a wide shot, 16:9', 1]]] },
    ]);
  });

  test('does not compose where it is a negative one', () => {
    const { subPrompts } = readPrompt('rain AND snow:2', { steps: 4, composes: false });
    expect(subPrompts).toEqual([
      {
        weight: 1,
        stages: [{ until: 4, segments: [{ kind: 'text', text: 'rain AND snow:2', weight: 1 }] }],
      },
    ]);
  });

  test('taken literally has no syntax', () => {
    const text = 'a (fox:1.5) AND [owl] <lora:x>';
    expect(plainPrompt(text, 3)).toEqual({
      subPrompts: [
        { weight: 1, stages: [{ until: 3, segments: [{ kind: 'text', text, weight: 1 }] }] },
      ],
      loras: [],
      notes: [],
    });
  });

  test('may break within a weighted group', () => {
    const { subPrompts } = readPrompt('(fox BREAK owl:1.2)', { steps: 1 });
    expect(subPrompts[0]?.stages[0]?.segments.map(({ kind }) => kind)).toEqual([
      'text',
      'break',
      'text',
    ]);
  });

  test('is not split at words that only contain a keyword', () => {
    expect(segments('éAND owl ANDé BREAKé')).toEqual([
      { weight: 1, stages: [[10, ['éAND owl ANDé BREAKé', 1]]] },
    ]);
  });
});

describe('mentions of LoRAs', () => {
  test('are taken out with their strengths', () => {
    const { loras, subPrompts } = readPrompt(
      'a <lora:ink sketch:0.8>fox<lora:b><lora:c:0.5:0.25><lora:d:unet=0.1:te=2><lyco:e:-1>',
      { steps: 1 },
    );
    expect(
      loras.map(({ name, textEncoderWeight, unetWeight }) => [name, textEncoderWeight, unetWeight]),
    ).toEqual([
      ['ink sketch', 0.8, 0.8],
      ['b', 1, 1],
      ['c', 0.5, 0.25],
      ['d', 2, 0.1],
      ['e', -1, -1],
    ]);
    expect(loras[0]).toMatchObject({ start: 2, end: 23 });
    expect(subPrompts[0]?.stages[0]?.segments).toEqual([
      { kind: 'text', text: 'a fox', weight: 1 },
    ]);
  });

  test.each([
    ['a <lora:x:strong>', 'at position 2 of the prompt has the strength "strong"'],
    ['<lora: :1>', 'at position 0 of the prompt has no name'],
    ['😀<lora:x:1e3>', 'at position 2'],
    ['<lora:x:1:>', 'has the strength ""'],
  ])('that make no sense are errors with a position: %s', (prompt, message) => {
    const read = (): unknown => readPrompt(prompt, { steps: 1 });
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: 'invalid-argument' }) as Error);
  });
});

describe('notes', () => {
  test.each([
    ['a (fox', [['(', '( is never closed, so it reaches to the end.']]],
    [
      'a fox] :)',
      [
        [']', '] closes a bracket that was never opened, so it is text.'],
        [')', ') closes a bracket that was never opened, so it is text.'],
      ],
    ],
    ['<lora:x>(fox:1.2.3)', [[':1.2.3)', ':1.2.3 is no weight, so it is text.']]],
    [
      'cat | dog [red:blue:4]',
      [['|', '| fits nowhere here, so nothing in this prompt is edited or alternated.']],
    ],
    ['cat | dog', []],
    [
      '<hypernet:x:1>cat',
      [['<hypernet:x:1>', '<hypernet:x:1> was left out: only <lora:…> is known here.']],
    ],
    ['<lora:x:1:1:8>', [['<lora:x:1:1:8>', 'The rank in <lora:x:1:1:8> was left out.']]],
    [
      '<lora:y>[a:b:5] (fox AND owl)',
      [
        ['(', '( is never closed, so it reaches to the end.'],
        [')', ') closes a bracket that was never opened, so it is text.'],
      ],
    ],
    ['[a|b] (fox', [['(', '( is never closed, so it reaches to the end.']]],
  ])('point at what they are about: %s', (prompt, expected) => {
    expect(notes(prompt)).toEqual(expected);
  });

  test('are none for what is well-formed', () => {
    expect(notes('(fox:1.2) [owl] \\(x\\) [a:b:0.5] [c|d] BREAK e AND f:0.3 <lora:g:1>')).toEqual(
      [],
    );
  });
});

describe('of any text', () => {
  const syntax = fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    ':',
    '|',
    '\\',
    '1.5',
    '0.3',
    '3',
    ' ',
    'a',
    ',',
    'BREAK',
    'AND',
    '<lora:x>',
    'é',
    '😀',
  );
  const anyPrompt = fc.oneof(
    fc.array(syntax, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );

  test('every step has a text, and notes lie inside of the prompt', () => {
    fc.assert(
      fc.property(anyPrompt, fc.integer({ min: 1, max: 12 }), (prompt, steps) => {
        const read = readPrompt(prompt.replaceAll('<', ''), { steps });
        for (const { stages } of read.subPrompts) {
          const ends = stages.map(({ until }) => until);
          expect(ends).toEqual(ends.toSorted((a, b) => a - b));
          expect(ends.at(-1)).toBe(steps);
          for (const stage of stages) {
            expect(stage.segments.length).toBeGreaterThan(0);
            for (const { weight } of stage.segments) expect(weight).not.toBeNaN();
          }
        }
        for (const { start, end } of read.notes) {
          expect(start >= 0 && start < end && end <= prompt.length).toBe(true);
        }
      }),
    );
  });

  test('text without syntax comes back as it is', () => {
    const plain = fc
      .string({ unit: 'binary' })
      .filter((text) => !/[\\()[\]:|]|AND|BREAK/.test(text));
    fc.assert(
      fc.property(plain, (text) => {
        expect(parseAttention(LocatedText.of(text)).segments).toEqual([
          { kind: 'text', text, weight: 1 },
        ]);
      }),
    );
  });

  test.each(['(', '[', '[a:', '(a:', '[a|'])(
    'a thousand times %s is refused with a position',
    (part) => {
      const read = (): unknown => readPrompt(part.repeat(1000), { steps: 20 });
      expect(read).toThrow(/more than 100 deep at position \d+/);
    },
  );

  test('length costs no more than its own: 20,000 brackets', () => {
    const { subPrompts } = readPrompt('[a:(b|c)]'.repeat(5000), { steps: 20 });
    expect(subPrompts).toHaveLength(1);
  });
});
