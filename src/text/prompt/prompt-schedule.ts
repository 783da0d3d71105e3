/**
 * A prompt as conditionings over the steps, in tokens: what to encode, and from when to when it counts.
 */

import {
  promptChunks,
  type ChunkOptions,
  type PromptChunk,
  type PromptTokenizer,
} from './chunks.ts';
import type { ReadPrompt, SubPrompt } from './read-prompt.ts';

/** One text of a composition, in tokens. */
export type TokenizedSubPrompt = {
  /** How much it counts in the composition. */
  readonly weight: number;
  /** At least one; to be encoded one by one and joined along the tokens. */
  readonly chunks: readonly PromptChunk[];
};

/** What conditions some steps. */
export type ConditioningStage = {
  /** The last of its steps, from 1. */
  readonly until: number;
  /** As many in every stage. */
  readonly subPrompts: readonly TokenizedSubPrompt[];
};

/** The stages of a prompt, in order; the last one's `until` is the number of steps it was read for. */
export function promptSchedule(
  { subPrompts }: ReadPrompt,
  tokenizer: PromptTokenizer,
  options: ChunkOptions = {},
): ConditioningStage[] {
  const ends = new Set(subPrompts.flatMap(({ stages }) => stages.map(({ until }) => until)));
  return [...ends]
    .toSorted((a, b) => a - b)
    .map((until) => ({
      until,
      subPrompts: subPrompts.map((each) => ({
        weight: each.weight,
        chunks: promptChunks(segmentsAt(each, until), tokenizer, options),
      })),
    }));
}

function segmentsAt({ stages }: SubPrompt, step: number): SubPrompt['stages'][number]['segments'] {
  return stages.find(({ until }) => step <= until)?.segments ?? [];
}
