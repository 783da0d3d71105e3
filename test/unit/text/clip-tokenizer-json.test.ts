/**
 * The tokenizer.json put together from vocab.json and merges.txt, against the one the reference library wrote.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { clipTokenizerJson } from '../../../src/text/clip-tokenizer-json.ts';

const FOLDER = join(import.meta.dirname, '../../../models/emoji-64/tokenizer');
const read = (name: string): Promise<string> => readFile(join(FOLDER, name), 'utf8');
const vocab = JSON.parse(await read('vocab.json')) as Record<string, number>;
const merges = await read('merges.txt');

describe('a tokenizer of vocab.json and merges.txt', () => {
  test('is the one that the reference library wrote for the same model', async () => {
    const { truncation, padding, ...reference } = JSON.parse(
      await read('tokenizer.json'),
    ) as Record<string, unknown>;
    // Both are done by ClipTokenizer, which knows CLIP's length.
    expect([truncation, padding]).not.toContain(undefined);
    expect(clipTokenizerJson(vocab, merges)).toEqual(reference);
  });

  test('does not mind lines that end in CR LF, or no end of the last line', () => {
    const expected = clipTokenizerJson(vocab, merges);
    expect(clipTokenizerJson(vocab, merges.replaceAll('\n', '\r\n'))).toEqual(expected);
    expect(clipTokenizerJson(vocab, merges.trimEnd())).toEqual(expected);
  });

  test('names a merge that is no pair', () => {
    expect(() => clipTokenizerJson(vocab, '#version: 0.2\ni n\nbroken\n')).toThrow(
      /merge 2 of merges.txt.*broken/,
    );
  });

  test('names the mark that a vocabulary lacks', () => {
    const { '<|endoftext|>': _, ...rest } = vocab;
    expect(() => clipTokenizerJson(rest, merges)).toThrow(/no token <\|endoftext\|>/);
  });
});
