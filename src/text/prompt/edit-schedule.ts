/**
 * What a prompt with edits and alternations says at each step.
 */

import { parseEdits, type EditNode } from './edit-grammar.ts';
import { LocatedText, type PromptNote } from './located-text.ts';

/** Which steps an edit's number means. */
export type EditRule = {
  /** Steps of this pass, at least 1. */
  readonly steps: number;
  /**
   * Steps of the pass before, in the second pass of a high-resolution fix: there fractions count from 1 and whole numbers
   * from behind the first pass. Default: this is the first pass.
   */
  readonly firstPassSteps?: number | undefined;
  /**
   * `point` (default): a number with a point is a fraction of the steps, any other a step. `below-one`: a number below 1 is
   * a fraction, any other a step, as A1111's web UI had it before 1.6.
   */
  readonly fractions?: 'point' | 'below-one' | undefined;
};

/** A text and the last step (from 1) that it holds for. */
export type EditStage = { readonly until: number; readonly text: LocatedText };

/** The texts of all steps, in order; the last one's `until` is the number of steps. */
export function editSchedule(
  prompt: LocatedText,
  rule: EditRule,
): { readonly stages: readonly EditStage[]; readonly notes: readonly PromptNote[] } {
  const { nodes, notes } = parseEdits(prompt);
  const ends = new Set([rule.steps]);
  collectEnds(nodes, rule, ends);
  const stages = [...ends]
    .toSorted((a, b) => a - b)
    .map((until) => ({ until, text: LocatedText.join(textsAt(nodes, until, rule)) }));
  return { stages, notes };
}

function collectEnds(nodes: readonly EditNode[], rule: EditRule, ends: Set<number>): void {
  for (const node of nodes) {
    if (node.kind === 'edit') {
      const last = lastStep(node.when, rule);
      if (last >= 1) ends.add(last);
      collectEnds(node.from, rule, ends);
      collectEnds(node.to, rule, ends);
    } else if (node.kind === 'alternation') {
      for (let step = 1; step <= rule.steps; step++) ends.add(step);
    }
  }
}

/** The texts of a step, which counts from 1. */
function textsAt(nodes: readonly EditNode[], step: number, rule: EditRule): LocatedText[] {
  return nodes.flatMap((node) => {
    switch (node.kind) {
      case 'text':
        return [node.text];
      case 'edit':
        return textsAt(step <= lastStep(node.when, rule) ? node.from : node.to, step, rule);
      case 'alternation':
        return textsAt(node.items[(step - 1) % node.items.length] ?? [], step, rule);
    }
  });
}

/** The last step before a switch: below 1 when it has happened from the start, the number of steps when it never does. */
function lastStep(when: string, { steps, firstPassSteps, fractions = 'point' }: EditRule): number {
  const value = Number(when);
  const isFraction = fractions === 'point' ? when.includes('.') : value < 1;
  const isSecondPass = firstPassSteps !== undefined && fractions === 'point';
  const step = isFraction
    ? (isSecondPass ? value - 1 : value) * steps
    : value - (isSecondPass ? firstPassSteps : 0);
  return Math.min(steps, Math.trunc(step));
}
