/**
 * Chunks of a prompt, over a tokenizer whose ids can be read: a number for each word.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Segment } from '../../../../src/text/prompt/attention.ts';
import {
  emptyChunk,
  promptChunks,
  type ChunkOptions,
  type PromptTokenizer,
} from '../../../../src/text/prompt/chunks.ts';
import { describePrompt } from '../../../../src/text/prompt/prompt-description.ts';
import { promptSchedule } from '../../../../src/text/prompt/prompt-schedule.ts';
import { readPrompt } from '../../../../src/text/prompt/read-prompt.ts';

const [BOS, EOS, PAD, COMMA] = [9001, 9002, 9003, 9004];

/** Words are numbers; a comma is a token of its own. */
const tokenizer: PromptTokenizer = {
  bos: BOS,
  eos: EOS,
  pad: PAD,
  tokenize: (text) =>
    (text.match(/\d+|,/g) ?? []).map((word) => (word === ',' ? COMMA : Number(word))),
};

/** The numbers `from` to `to`, with commas behind those listed. */
function words(from: number, to: number, ...commasAfter: number[]): string {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const word = from + i;
    return commasAfter.includes(word) ? `${word},` : `${word}`;
  }).join(' ');
}

function chunksOf(prompt: string, options?: ChunkOptions): number[][] {
  const segments = readPrompt(prompt, { steps: 1 }).subPrompts[0]?.stages[0]?.segments ?? [];
  return promptChunks(segments, tokenizer, options).map(({ ids, used }) => {
    expect(ids).toHaveLength(77);
    expect(ids[0]).toBe(BOS);
    expect(ids.slice(1 + used)).toEqual([EOS, ...Array<number>(75 - used).fill(PAD)]);
    return ids.slice(1, 1 + used);
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe('chunks', () => {
  test('are one for a short prompt, and for none', () => {
    expect(chunksOf('1 2')).toEqual([[1, 2]]);
    expect(chunksOf('')).toEqual([[]]);
    expect(emptyChunk(tokenizer)).toEqual(
      promptChunks([{ kind: 'text', text: '', weight: 1 }], tokenizer)[0],
    );
  });

  test('hold 75 tokens each', () => {
    expect(chunksOf(words(1, 75))).toEqual([range(1, 75)]);
    expect(chunksOf(words(1, 160))).toEqual([range(1, 75), range(76, 150), range(151, 160)]);
  });

  test('end at a comma that is at most 20 tokens back', () => {
    // With the comma, 55 words and 19 more: the comma's place is 55, 75 - 55 = 20.
    expect(chunksOf(words(1, 80, 55))).toEqual([[...range(1, 55), COMMA], range(56, 80)]);
    expect(chunksOf(words(1, 80, 54))).toEqual([
      [...range(1, 54), COMMA, ...range(55, 74)],
      range(75, 80),
    ]);
    expect(chunksOf(words(1, 80, 70), { commaBacktrack: 0 })).toEqual([
      [...range(1, 70), COMMA, ...range(71, 74)],
      range(75, 80),
    ]);
  });

  test('leave a comma that comes too late to the next one', () => {
    expect(chunksOf(words(1, 80, 70, 74))).toEqual([
      [...range(1, 70), COMMA, ...range(71, 74)],
      [COMMA, ...range(75, 80)],
    ]);
  });

  test('end at a BREAK', () => {
    expect(chunksOf('1 BREAK 2 BREAK')).toEqual([[1], [2]]);
    expect(chunksOf('BREAK 1')).toEqual([[], [1]]);
    expect(chunksOf('(1 BREAK 2:1.5)')).toEqual([[1], [2]]);
  });

  test('keep the vectors of a word together', () => {
    const embeddings = [
      { name: '7', ids: range(500, 509) },
      { name: '7 8', ids: [600] },
      { name: '<Toy>', ids: [700, 701] },
    ];
    expect(chunksOf('1 7 2', { embeddings })).toEqual([[1, ...range(500, 509), 2]]);
    expect(chunksOf('7 8 <toy>, 17 <TOY>3', { embeddings })).toEqual([
      [600, 700, 701, COMMA, 17, 700, 701, 3],
    ]);
    expect(chunksOf(`${words(1001, 1070)} 7`, { embeddings })).toEqual([
      range(1001, 1070),
      range(500, 509),
    ]);
  });

  test('have the weights of their segments, and 1 elsewhere', () => {
    const segments = readPrompt('1 (2:1.5) [3]', { steps: 1 }).subPrompts[0]?.stages[0]?.segments;
    const [chunk] = promptChunks(segments ?? [], tokenizer);
    expect(chunk?.weights).toEqual([1, 1, 1.5, 1 / 1.1, ...Array<number>(73).fill(1)]);
  });

  test('of any text lose no token, and have 77 places', () => {
    const piece = fc.record({
      kind: fc.constantFrom<Segment['kind']>('text', 'text', 'break'),
      text: fc
        .array(fc.oneof(fc.nat({ max: 99 }).map(String), fc.constant(',')))
        .map((all) => all.join(' ')),
      weight: fc.double({ noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(piece), fc.nat({ max: 80 }), (segments, commaBacktrack) => {
        const chunks = promptChunks(segments, tokenizer, { commaBacktrack });
        const ids = segments
          .filter(({ kind }) => kind === 'text')
          .flatMap(({ text, weight }) => tokenizer.tokenize(text).map((id) => [id, weight]));
        const found = chunks.flatMap((chunk) =>
          range(1, chunk.used).map((i) => [chunk.ids[i], chunk.weights[i]]),
        );
        expect(found).toEqual(ids);
        for (const { ids: all, weights } of chunks) {
          expect([all.length, weights.length]).toEqual([77, 77]);
        }
      }),
    );
  });
});

describe('a schedule', () => {
  test('changes when any sub-prompt does', () => {
    const read = readPrompt('[1:2:2] AND [3:4:5]:0.5', { steps: 8 });
    const found = promptSchedule(read, tokenizer).map(({ until, subPrompts }) => [
      until,
      ...subPrompts.map(({ weight, chunks }) => [weight, chunks[0]?.ids[1]]),
    ]);
    expect(found).toEqual([
      [2, [1, 1], [0.5, 3]],
      [5, [1, 2], [0.5, 3]],
      [8, [1, 2], [0.5, 4]],
    ]);
  });
});

describe('a description', () => {
  test('says the pieces, their weights, the tokens, and from when to when', () => {
    const read = readPrompt(`1 (2 3:1.2) [:${words(4, 90)}:4] <lora:x:0.5> (`, { steps: 10 });
    const described = describePrompt(read, tokenizer);
    expect(described).toMatchObject({
      tokens: 90,
      capacity: 150,
      loras: [{ name: 'x', textEncoderWeight: 0.5 }],
      notes: [{ message: '( is never closed, so it reaches to the end.' }],
    });
    expect(described.subPrompts).toEqual([
      {
        weight: 1,
        stages: [
          {
            from: 1,
            until: 4,
            tokens: 3,
            capacity: 75,
            pieces: [
              { kind: 'text', text: '1 ', weight: 1 },
              { kind: 'text', text: '2 3', weight: 1.2 },
              { kind: 'text', text: '   ', weight: 1 },
            ],
          },
          expect.objectContaining({ from: 5, until: 10, tokens: 90, capacity: 150 }),
        ],
      },
    ]);
  });
});
