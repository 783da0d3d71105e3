/**
 * The cases of `clip-tokens.json`: ids under CLIP's own vocabulary, start and end included, not cut.
 */

import { openClipTokenizer } from '../../src/models/clip-vocabulary-file.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import type { ConformanceCase } from './case.ts';
import type { GoldenFolder } from './folder.ts';

type ClipTokens = {
  readonly prompts: readonly string[];
  readonly ids: readonly (readonly number[])[];
};

/** A case for each prompt, by its number. Nothing but equality will do. */
export async function clipTokensCases(folder: GoldenFolder): Promise<ConformanceCase[]> {
  const { prompts, ids } = (await folder.json('clip-tokens.json')) as ClipTokens;
  const tokenizer = openClipTokenizer();
  return prompts.map((prompt, i) => ({
    name: `clip-tokens/${i}`,
    tolerance: undefined,
    run: async () => {
      const opened = await tokenizer;
      const computed = [opened.bos, ...opened.tokenize(prompt), opened.eos];
      return [{ computed: list(computed), expected: list(ids[i] ?? []) }];
    },
  }));
}

function list(ids: readonly number[]): HostTensor {
  return hostTensor(ids, [ids.length]);
}
