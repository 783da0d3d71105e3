/**
 * Token ids as the reference library gives them, and what is put around them.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CLIP_LENGTH,
  ClipTokenizer,
  type ClipTokenizerConfig,
} from '../../../src/text/clip-tokenizer.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';

const parts = await openGolden<{ prompts: string[] }>(readGolden, 'parts');
const { prompts } = parts.json;

async function readJson(path: string): Promise<object> {
  return JSON.parse(new TextDecoder().decode(await readGolden(path))) as object;
}

async function open(
  model: string,
  change: Partial<ClipTokenizerConfig> = {},
): Promise<ClipTokenizer> {
  const config = await readJson(`${model}/tokenizer/tokenizer_config.json`);
  return new ClipTokenizer(await readJson(`${model}/tokenizer/tokenizer.json`), {
    ...config,
    ...change,
  });
}

const START = 2012;
const END = 2013;
const tokenizer = await open('tiny-sd15');

describe('a prompt', () => {
  test.each(prompts.map((prompt, i) => [i, prompt.slice(0, 40), prompt] as const))(
    '%i (%s) has the ids of the reference',
    (i, _, prompt) => {
      expect(tokenizer.encode(prompt)).toEqual([...parts.int32(`tokens/${i}`).data]);
    },
  );

  test('lies between a start and an end, and is padded with the end', () => {
    const ids = tokenizer.encode('a photo of a cat');
    const own = tokenizer.tokenize('a photo of a cat');
    expect(own.length).toBeGreaterThan(4);
    expect(ids).toHaveLength(77);
    expect(ids).toEqual([START, ...own, ...Array<number>(76 - own.length).fill(END)]);
  });

  test('that says nothing is an end at once', () => {
    expect(tokenizer.tokenize('')).toEqual([]);
    expect(tokenizer.encode('')).toEqual([START, ...Array<number>(76).fill(END)]);
  });

  test('too long is cut to 75 tokens, the end kept', () => {
    const text = 'word '.repeat(200);
    const all = tokenizer.tokenize(text);
    expect(all.length).toBeGreaterThan(75);
    expect(tokenizer.encode(text)).toEqual([START, ...all.slice(0, 75), END]);
  });

  test('of exactly 75 tokens has no padding', () => {
    const [id, ...more] = tokenizer.tokenize('a');
    expect(more).toEqual([]);
    expect(tokenizer.encode('a '.repeat(75))).toEqual([
      START,
      ...Array<number | undefined>(75).fill(id),
      END,
    ]);
  });

  test('of any text has 77 ids of the vocabulary', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const ids = tokenizer.encode(text);
        expect(ids).toHaveLength(CLIP_LENGTH);
        expect(ids[0]).toBe(START);
        expect(ids).toContain(END);
        for (const id of ids) expect(Number.isInteger(id) && id >= 0 && id <= END).toBe(true);
      }),
    );
  });
});

describe('the special tokens', () => {
  test('are those of the config', () => {
    expect(tokenizer).toMatchObject({ bos: START, eos: END, pad: END });
  });

  test.each([['!'], [{ content: '!' }]])(
    'may pad with another one, as Stable Diffusion 2 does: %j',
    async (pad_token) => {
      const sd2 = await open('tiny-sd2', { pad_token });
      expect(sd2.pad).toBe(0);
      const own = sd2.tokenize('a cat');
      expect(sd2.encode('a cat')).toEqual([
        START,
        ...own,
        END,
        ...Array<number>(75 - own.length).fill(0),
      ]);
    },
  );

  test('have usual names where the config is silent', async () => {
    const silent = new ClipTokenizer(await readJson('tiny-sd15/tokenizer/tokenizer.json'), {});
    expect(silent).toMatchObject({ bos: START, eos: END, pad: END });
  });

  test('must be in the vocabulary', async () => {
    await expect(open('tiny-sd15', { pad_token: '<pad>' })).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringContaining('<pad>') as string,
    });
  });
});
