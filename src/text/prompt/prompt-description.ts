/**
 * How a prompt was read, for the person who wrote it: its pieces with their weights, the tokens they take, when they hold.
 */

import type { Segment } from './attention.ts';
import { CHUNK_TOKENS, promptChunks, type ChunkOptions, type PromptTokenizer } from './chunks.ts';
import type { ReadPrompt } from './read-prompt.ts';

/** A text of a composition during some steps. */
export type StageDescription = {
  /** First and last of its steps, from 1. */
  readonly from: number;
  readonly until: number;
  readonly pieces: readonly Segment[];
  /** Tokens of the prompt itself. */
  readonly tokens: number;
  /** Tokens there is room for in the chunks it takes: 75 a chunk. */
  readonly capacity: number;
};

/** See the file's header. Plain data. */
export type PromptDescription = Pick<ReadPrompt, 'loras' | 'notes'> & {
  /** Of the longest text at any step. */
  readonly tokens: number;
  /** Of the same text: 75 for every chunk. */
  readonly capacity: number;
  readonly subPrompts: readonly {
    readonly weight: number;
    readonly stages: readonly StageDescription[];
  }[];
};

/** Describes a prompt that was read, in the tokens of a model's tokenizer. */
export function describePrompt(
  { subPrompts, loras, notes }: ReadPrompt,
  tokenizer: PromptTokenizer,
  options: ChunkOptions = {},
): PromptDescription {
  const described = subPrompts.map(({ weight, stages }) => ({
    weight,
    stages: stages.map(({ until, segments }, i): StageDescription => {
      const chunks = promptChunks(segments, tokenizer, options);
      return {
        from: (stages[i - 1]?.until ?? 0) + 1,
        until,
        pieces: segments.filter(({ kind, text }) => kind === 'break' || text !== ''),
        tokens: chunks.reduce((sum, { used }) => sum + used, 0),
        capacity: chunks.length * CHUNK_TOKENS,
      };
    }),
  }));
  const all = described.flatMap(({ stages }) => stages);
  const longest = all.reduce((a, b) =>
    b.capacity > a.capacity || (b.capacity === a.capacity && b.tokens > a.tokens) ? b : a,
  );
  const { tokens, capacity } = longest;
  return { tokens, capacity, subPrompts: described, loras, notes };
}
