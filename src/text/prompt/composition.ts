/**
 * Composition: `a fox AND an owl:0.5` as sub-prompts with weights, as A1111's web UI splits them.
 *
 * AND counts in capitals and as a word of its own, also inside brackets. A weight ends its sub-prompt, behind a colon;
 * it may be negative. What a picture is guided by is then u + sum of w * g * (c - u): each sub-prompt pulls for itself.
 */

import type { LocatedText } from './located-text.ts';
import { wholeWord } from './whole-word.ts';

/** One of the texts that a picture is composed of. */
export type WeightedText = { readonly text: LocatedText; readonly weight: number };

const WEIGHT = /\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+))$/;

/** The sub-prompts of a prompt, in order; at least one. Their trailing spaces are dropped, their leading ones kept. */
export function splitComposition(prompt: LocatedText): WeightedText[] {
  const ends = [...prompt.text.matchAll(wholeWord('AND'))].map(({ index }) => index);
  const starts = [0, ...ends.map((end) => end + 'AND'.length)];
  return starts.map((start, i) => weighted(prompt.slice(start, ends[i])));
}

function weighted(part: LocatedText): WeightedText {
  const trimmed = part.text.trimEnd();
  const match = WEIGHT.exec(trimmed);
  const end = match?.index ?? trimmed.length;
  return { text: part.slice(0, end), weight: match === null ? 1 : Number(match[1]) };
}
