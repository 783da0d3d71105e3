/**
 * CLIP's vocabulary as it ships: ids that transformers gives, and what a damaged file does.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEngineError } from '../../../src/errors.ts';
import { openClipTokenizer } from '../../../src/models/clip-vocabulary-file.ts';
import { packMerges, unpackVocabulary } from '../../../src/text/clip-vocabulary.ts';
import { readGolden } from '../../support/goldens.ts';

const golden = JSON.parse(new TextDecoder().decode(await readGolden('clip-tokens.json'))) as {
  vocabulary_size: number;
  bos: number;
  eos: number;
  prompts: string[];
  ids: number[][];
};

describe('the vocabulary of the package', async () => {
  const tokenizer = await openClipTokenizer();

  test('has the marks of the reference', () => {
    expect(tokenizer).toMatchObject({ bos: golden.bos, eos: golden.eos, pad: golden.eos });
    expect(golden.eos).toBe(golden.vocabulary_size - 1);
  });

  test.each(
    golden.prompts.map((prompt, i) => [prompt.slice(0, 60), prompt, golden.ids[i]] as const),
  )('%j has the ids of the reference', (_, prompt, ids) => {
    expect([tokenizer.bos, ...tokenizer.tokenize(prompt), tokenizer.eos]).toEqual(ids);
  });

  test('pads with token 0 for OpenCLIP', async () => {
    const openClip = await openClipTokenizer({ padsWithZero: true });
    expect(openClip.encode('a photo of a cat').slice(6, 9)).toEqual([golden.eos, 0, 0]);
  });

  test('stops reading when aborted', async () => {
    const reason = new DOMException('enough', 'AbortError');
    await expect(openClipTokenizer({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('packing', () => {
  test('keeps all merges and makes the vocabulary from them', () => {
    const merges = [
      ['i', 'n'],
      ['in', 'g</w>'],
      ['Ġ', 'ing</w>'],
    ] as const;
    const { vocab, merges: lines } = unpackVocabulary(packMerges(merges));
    expect(lines).toBe('i n\nin g</w>\nĠ ing</w>');
    expect(vocab).toMatchObject({ '!': 0, '!</w>': 256, in: 512, 'ing</w>': 513, 'Ġing</w>': 514 });
    expect(vocab).toMatchObject({ '<|startoftext|>': 515, '<|endoftext|>': 516 });
    expect(Object.keys(vocab)).toHaveLength(517);
  });

  test('refuses a merge of what is no token', () => {
    expect(() => packMerges([['in', 'g']])).toThrow('merge 0 joins in');
  });

  test('of anything else is refused or gives a vocabulary', () => {
    const outcome = (bytes: Uint8Array): unknown => {
      try {
        return Object.keys(unpackVocabulary(bytes).vocab).length > 512;
      } catch (error) {
        return isEngineError(error) && error.code === 'model-malformed';
      }
    };
    expect(() => unpackVocabulary(new Uint8Array(4).fill(255))).toThrow('merge 0 of');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(outcome(bytes)).toBe(true);
      }),
    );
  });
});
