/**
 * A prompt as a person writes it, read in the order of A1111's web UI: mentions of LoRAs, composition, editing over the
 * steps, attention.
 *
 * Two things are done otherwise on purpose. A weight behind a prompt that is not composed (`wide shot, 16:9`) is text:
 * it could only spoil the guidance scale. An edit at step 5 holds for five steps, not for six.
 */

import { parseAttention, type Segment } from './attention.ts';
import { splitComposition } from './composition.ts';
import { editSchedule, type EditRule } from './edit-schedule.ts';
import { LocatedText, type PromptNote } from './located-text.ts';
import { takeMentions, type LoraMention } from './network-mentions.ts';

/** Options of {@link readPrompt}. */
export type ReadPromptOptions = EditRule & {
  /** Whether AND composes, as in a prompt; otherwise it is a word, as in a negative prompt. Default true. */
  readonly composes?: boolean | undefined;
};

/** What holds for some steps. */
export type PromptStage = {
  /** The last of its steps, from 1. */
  readonly until: number;
  readonly segments: readonly Segment[];
};

/** One of the texts that a picture is composed of. */
export type SubPrompt = {
  /** How much it counts; 1 unless the prompt says otherwise. */
  readonly weight: number;
  /** In order; the last one's `until` is the number of steps. */
  readonly stages: readonly PromptStage[];
};

/** A prompt that was read. */
export type ReadPrompt = {
  /** At least one. */
  readonly subPrompts: readonly SubPrompt[];
  readonly loras: readonly LoraMention[];
  /** What its author may not have meant, by position. */
  readonly notes: readonly PromptNote[];
};

/**
 * Reads a prompt.
 *
 * @throws EngineError `invalid-argument`, with the position, for a LoRA mention that makes no sense and for brackets nested
 *   too deeply. Nothing else is an error: what is no syntax is text.
 */
export function readPrompt(
  prompt: string,
  { composes = true, ...rule }: ReadPromptOptions,
): ReadPrompt {
  const { text, loras, notes } = takeMentions(LocatedText.of(prompt));
  const split = composes ? splitComposition(text) : [];
  const parts = split.length > 1 ? split : [{ text, weight: 1 }];
  const found = [...notes];
  const subPrompts = parts.map((part): SubPrompt => {
    const schedule = editSchedule(part.text, rule);
    found.push(...schedule.notes);
    const stages = schedule.stages.map(({ until, text: edited }): PromptStage => {
      const attention = parseAttention(edited);
      found.push(...attention.notes);
      return { until, segments: attention.segments };
    });
    return { weight: part.weight, stages };
  });
  return { subPrompts, loras, notes: unique(found) };
}

/** Notes by position, each once: stages share most of their text. */
function unique(notes: readonly PromptNote[]): PromptNote[] {
  const byKey = new Map(notes.map((note) => [`${note.start} ${note.end} ${note.message}`, note]));
  return [...byKey.values()].toSorted((a, b) => a.start - b.start);
}

/** A prompt taken literally, as diffusers does: no syntax, one text for all steps. */
export function plainPrompt(prompt: string, steps: number): ReadPrompt {
  const segments: Segment[] = [{ kind: 'text', text: prompt, weight: 1 }];
  return {
    subPrompts: [{ weight: 1, stages: [{ until: steps, segments }] }],
    loras: [],
    notes: [],
  };
}
