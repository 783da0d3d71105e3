/**
 * CLIP's byte-level byte-pair tokenizer, from a model's own tokenizer.json and tokenizer_config.json.
 *
 * The splitting is @huggingface/tokenizers'; this adds what CLIP's text encoders expect around it: a
 * start token, at most 75 tokens, an end token, and padding to 77.
 */

import { Tokenizer } from '@huggingface/tokenizers';

import { EngineError } from '../errors.ts';

/** Tokens that a CLIP text encoder reads at once, start and end included. */
export const CLIP_LENGTH = 77;

type SpecialToken = string | { readonly content: string };

/** What a tokenizer_config.json says that matters here. */
export type ClipTokenizerConfig = {
  readonly bos_token?: SpecialToken;
  readonly eos_token?: SpecialToken;
  readonly pad_token?: SpecialToken;
};

/** See the file's header. */
export class ClipTokenizer {
  /** Id of the token before every prompt. */
  readonly bos: number;
  /** Id of the token behind every prompt. */
  readonly eos: number;
  /** Id that fills up to {@link CLIP_LENGTH}. */
  readonly pad: number;
  readonly #tokenizer: Tokenizer;
  readonly #json: object;
  readonly #config: ClipTokenizerConfig;

  constructor(tokenizerJson: object, config: ClipTokenizerConfig) {
    this.#json = tokenizerJson;
    this.#config = config;
    this.#tokenizer = new Tokenizer(tokenizerJson, config);
    this.bos = this.#special(config.bos_token ?? '<|startoftext|>');
    this.eos = this.#special(config.eos_token ?? '<|endoftext|>');
    this.pad = this.#special(config.pad_token ?? config.eos_token ?? '<|endoftext|>');
  }

  /** The same tokenizer filling up with another token: OpenCLIP's encoders were trained with `!`, whose id is 0. */
  paddedWith(token: string): ClipTokenizer {
    return new ClipTokenizer(this.#json, { ...this.#config, pad_token: token });
  }

  /** The ids of a text, without start, end or padding, at any length. */
  tokenize(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** A text as the encoder reads it: start, at most 75 tokens, end, padding; always {@link CLIP_LENGTH} ids. */
  encode(text: string): number[] {
    const ids = [this.bos, ...this.tokenize(text).slice(0, CLIP_LENGTH - 2), this.eos];
    return [...ids, ...Array<number>(CLIP_LENGTH - ids.length).fill(this.pad)];
  }

  #special(token: SpecialToken): number {
    const content = typeof token === 'string' ? token : token.content;
    const id = this.#tokenizer.token_to_id(content);
    if (id === undefined) {
      throw new EngineError('model-malformed', `the tokenizer has no token ${content}`);
    }
    return id;
  }
}
