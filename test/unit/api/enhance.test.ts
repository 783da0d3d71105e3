/**
 * The texts that are drawn, and the styles.
 */

import { describe, expect, test } from 'vitest';
import { finalTexts } from '../../../src/api/enhance.ts';
import { STYLE_NAMES, styleNamed } from '../../../src/api/schema/styles.ts';
import { text2imgRequest } from '../../../src/api/schema/requests.ts';

function texts(body: object, version: 'v4' | 'v6' = 'v4', instancePrompt?: string) {
  const { request } = text2imgRequest({ prompt: 'a cat', ...body });
  return finalTexts(request, { version, instancePrompt });
}

describe('enhancing', () => {
  test('leaves the texts alone when it is off', async () => {
    expect(
      await texts({ enhance_prompt: 'no', negative_prompt: 'dog' }, 'v4', 'mdjrny-v4 style'),
    ).toEqual({
      prompt: 'a cat',
      negativePrompt: 'dog',
      warnings: [],
    });
  });

  test('adds the words of the version, and the words that the model answers to', async () => {
    const early = await texts({ negative_prompt: 'dog' }, 'v4', 'mdjrny-v4 style');
    expect(early.prompt).toMatch(/^mdjrny-v4 style a cat DSLR photography,.*in-frame$/);
    expect(early.negativePrompt).toMatch(/^dog \(\(out of frame\)\),.*\(\(extra legs\)\)$/);
    const late = await texts({}, 'v6');
    expect(late.prompt).toMatch(/^a cat hyperrealistic,.*HDR 4K, 8K$/);
    expect(late.negativePrompt).toMatch(/^\(child:1\.5\),.*grainy$/);
  });

  test('comes after the style', async () => {
    const { prompt, negativePrompt } = await texts({
      enhance_style: 'origami',
      negative_prompt: 'dog',
    });
    expect(prompt).toMatch(/^a cat, origami, folded paper.*DSLR/);
    expect(negativePrompt).toMatch(/^dog, drawn, wrinkled mess \(\(out of frame/);
  });
});

describe('a style', () => {
  test.each(['no-such-style', 'nude', '__proto__', 'Origami'])(
    '%s adds nothing but a warning',
    async (name) => {
      const { prompt, warnings } = await texts({ enhance_style: name, enhance_prompt: 'no' });
      expect(prompt).toBe('a cat');
      expect(warnings).toEqual([expect.stringContaining(name)]);
    },
  );

  test('has words for the prompt and for what to avoid, and there are 188 names', () => {
    expect(new Set(STYLE_NAMES).size).toBe(188);
    const without = STYLE_NAMES.filter((name) => styleNamed(name) === undefined);
    expect(without).toEqual(['nude', 'nsfw', 'sex']);
    expect(STYLE_NAMES.filter((name) => !/^[a-z\d-]+$/.test(name))).toEqual([]);
    // Long enough to say something, and without signs that prompts have a meaning for.
    const isPlain = (text: string): boolean => text.length > 2 && !/[|{}()[\]:]/.test(text);
    const odd = STYLE_NAMES.map((name) => styleNamed(name)).filter((style) => {
      return style !== undefined && !(isPlain(style.prompt) && isPlain(style.negative));
    });
    expect(odd).toEqual([]);
  });
});
