/**
 * Weighted text as the text encoder reads it: chunks of 75 tokens between a start and an end, with a weight for each token.
 *
 * Prompts of any length are several chunks, encoded one by one and joined along the tokens. A chunk that would end in
 * the middle of a phrase ends at the comma before it, if that is near; BREAK ends it where it stands.
 */

import { CLIP_LENGTH } from '../clip-tokenizer.ts';
import type { Segment } from './attention.ts';
import { wordSplitter, type EmbeddedWord } from './embedded-words.ts';

/** Tokens of a prompt in one chunk: the start and the end take the other two places. */
export const CHUNK_TOKENS = CLIP_LENGTH - 2;

/** One chunk. */
export type PromptChunk = {
  /** {@link CLIP_LENGTH} ids: the start, at most 75 tokens, the end, padding. */
  readonly ids: readonly number[];
  /** A weight for each id; 1 for those that are no tokens of the prompt. */
  readonly weights: readonly number[];
  /** How many of the ids are tokens of the prompt. */
  readonly used: number;
};

/** What is needed of a tokenizer. */
export type PromptTokenizer = {
  /** The ids of a text, without start and end, at any length. */
  tokenize(text: string): number[];
  readonly bos: number;
  readonly eos: number;
  readonly pad: number;
};

/** Options of {@link promptChunks}. */
export type ChunkOptions = {
  /** Words that have ids of their own. */
  readonly embeddings?: readonly EmbeddedWord[] | undefined;
  /** How many tokens back a comma may lie for a full chunk to end there; 0 for never, default 20. */
  readonly commaBacktrack?: number | undefined;
};

const COMMA_BACKTRACK = 20;

/** The chunks of a prompt's segments; at least one. */
export function promptChunks(
  segments: readonly Segment[],
  tokenizer: PromptTokenizer,
  { embeddings = [], commaBacktrack = COMMA_BACKTRACK }: ChunkOptions = {},
): PromptChunk[] {
  const comma = tokenizer.tokenize(',');
  const split = wordSplitter(embeddings);
  const filler = new ChunkFiller(comma.length === 1 ? comma[0] : undefined, commaBacktrack);
  for (const { kind, text, weight } of segments) {
    if (kind === 'break') {
      filler.end();
      continue;
    }
    for (const piece of split(text)) {
      if (typeof piece !== 'string') filler.addWhole(piece.ids, weight);
      else for (const id of tokenizer.tokenize(piece)) filler.add(id, weight);
    }
  }
  return filler.finish().map((tokens) => framed(tokens, tokenizer));
}

/** A chunk that says nothing. */
export function emptyChunk(tokenizer: PromptTokenizer): PromptChunk {
  return framed([], tokenizer);
}

type WeightedToken = { readonly id: number; readonly weight: number };

class ChunkFiller {
  readonly #comma: number | undefined;
  readonly #backtrack: number;
  readonly #chunks: WeightedToken[][] = [];
  #current: WeightedToken[] = [];
  #lastComma: number | undefined;

  constructor(comma: number | undefined, backtrack: number) {
    this.#comma = comma;
    this.#backtrack = backtrack;
  }

  add(id: number, weight: number): void {
    const isComma = id === this.#comma;
    if (this.#current.length === CHUNK_TOKENS) this.#endFull(isComma);
    if (isComma) this.#lastComma = this.#current.length;
    this.#current.push({ id, weight });
  }

  /** Adds ids that must not be cut apart. */
  addWhole(ids: readonly number[], weight: number): void {
    if (this.#current.length + ids.length > CHUNK_TOKENS) this.end();
    this.#current.push(...ids.map((id) => ({ id, weight })));
  }

  /** Ends the chunk, also an empty one. */
  end(): void {
    this.#chunks.push(this.#current);
    this.#current = [];
    this.#lastComma = undefined;
  }

  finish(): readonly (readonly WeightedToken[])[] {
    if (this.#current.length > 0 || this.#chunks.length === 0) this.end();
    return this.#chunks;
  }

  /** Ends a full chunk at its last comma, if that is near and the next token is not one itself. */
  #endFull(isBeforeComma: boolean): void {
    const comma = this.#lastComma;
    const isNear = comma !== undefined && this.#current.length - comma <= this.#backtrack;
    const moved = isNear && !isBeforeComma ? this.#current.splice(comma + 1) : [];
    this.end();
    this.#current = moved;
  }
}

function framed(tokens: readonly WeightedToken[], { bos, eos, pad }: PromptTokenizer): PromptChunk {
  const rest = CLIP_LENGTH - tokens.length - 2;
  const ids = [bos, ...tokens.map(({ id }) => id), eos, ...Array<number>(rest).fill(pad)];
  const weights = [1, ...tokens.map(({ weight }) => weight), ...Array<number>(rest + 1).fill(1)];
  return { ids, weights, used: tokens.length };
}
