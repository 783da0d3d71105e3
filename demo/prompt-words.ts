/**
 * How a prompt was read, in words: which steps a text holds for, how much a piece counts, where in the prompt a remark points.
 */

import type { StageDescription } from '../src/index.ts';

/** A text and all steps that it holds for. */
export type HeldText = Pick<StageDescription, 'pieces'> & { readonly steps: string };

/** Tokens that a text encoder reads at once. */
const CHUNK = 75;

/** Runs of steps that are named before the rest is left out. */
const MOST_RUNS = 4;

/** Characters shown on either side of what a remark is about. */
const AROUND = 14;

/** The texts of a prompt over the steps, each once: an alternation says the same at many steps. */
export function heldTexts(stages: readonly StageDescription[]): HeldText[] {
  const groups = new Map<string, StageDescription[]>();
  for (const stage of stages) {
    const key = JSON.stringify(stage.pieces);
    groups.set(key, [...(groups.get(key) ?? []), stage]);
  }
  return [...groups.values()].map((group) => ({
    pieces: group[0]?.pieces ?? [],
    steps: stepsText(group),
  }));
}

function stepsText(stages: readonly StageDescription[]): string {
  const runs = stages.map(({ from, until }) => (from === until ? `${from}` : `${from}–${until}`));
  const isOne = stages.length === 1 && stages[0]?.from === stages[0]?.until;
  const shown = runs.slice(0, MOST_RUNS).join(', ') + (runs.length > MOST_RUNS ? ', …' : '');
  return `${isOne ? 'step' : 'steps'} ${shown}`;
}

/** `12 of 75 tokens`, with the chunks that a longer prompt takes. */
export function tokensText({ tokens, capacity }: { tokens: number; capacity: number }): string {
  const chunks = capacity / CHUNK;
  return `${tokens} of ${capacity} tokens${chunks > 1 ? ` in ${chunks} chunks` : ''}`;
}

/** A weight or a strength: at most two digits behind the point, three where it is small. */
export function weightText(weight: number): string {
  return `×${Number(weight.toFixed(Math.abs(weight) < 0.1 ? 3 : 2))}`;
}

/** Something about a place in a prompt, from `start` to before `end`. */
export type Remark = {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  /** Whether a request with this prompt is refused. */
  readonly isError: boolean;
};

/** What is to be said of embeddings that a prompt names: whether they are chosen, and that their tokens are not counted. */
export function embeddingRemarks(
  prompt: string,
  { known, chosen }: { readonly known: readonly string[]; readonly chosen: readonly string[] },
): Remark[] {
  const text = prompt.toLowerCase();
  const longestFirst = known.toSorted((a, b) => b.length - a.length);
  const found: Remark[] = [];
  for (const name of longestFirst) {
    const start = placeOf(name.toLowerCase(), text, found);
    if (start === undefined) continue;
    const message = chosen.includes(name)
      ? `${name} is an embedding: its own tokens are not counted above.`
      : `${name} is an embedding that is not chosen, so it is read as plain words.`;
    found.push({ start, end: start + name.length, message, isError: false });
  }
  return found;
}

/** Where a name first stands for itself, and not within a longer one's place. */
function placeOf(name: string, text: string, taken: readonly Remark[]): number | undefined {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!taken.some(({ start, end }) => start <= at && at < end)) return at;
  }
  return undefined;
}

/** The part of a prompt that a remark is about, and a little of what stands around it. */
export function excerpt(
  prompt: string,
  { start, end }: { readonly start: number; readonly end: number },
): { before: string; marked: string; after: string } {
  const before = prompt.slice(Math.max(0, start - AROUND), start);
  const after = prompt.slice(end, end + AROUND);
  return {
    before: start > AROUND ? `…${before}` : before,
    marked: prompt.slice(start, end),
    after: end + AROUND < prompt.length ? `${after}…` : after,
  };
}
