/**
 * Attention syntax: `(word)`, `[word]`, `(word:1.3)`, escapes and BREAK, with the arithmetic of A1111's web UI.
 *
 * Round brackets multiply the weight of what they hold by 1.1, square ones divide it by 1.1, a number before a closing
 * round bracket multiplies by itself; nested weights multiply. The two kinds of brackets are matched each for itself,
 * so that `(a [b) c]` means something. No text is an error: a closing bracket without an opening one is text, an opening
 * one without a closing one reaches to the end, and both are noted.
 */

import type { LocatedText, PromptNote, PromptRange } from './located-text.ts';
import { wholeWord } from './whole-word.ts';

/** A stretch of text with one weight, or a BREAK. */
export type Segment = {
  readonly kind: 'text' | 'break';
  /** Without brackets and escapes; of a break, the word BREAK. */
  readonly text: string;
  /** 1 outside of brackets. Of a break -1 outside of brackets, a sign by which others tell it from the word; no weight. */
  readonly weight: number;
};

/** A text taken apart. */
export type AttentionRead = {
  /** In order, neighbours of equal weight joined; at least one. */
  readonly segments: readonly Segment[];
  readonly notes: readonly PromptNote[];
};

const ROUND_FACTOR = 1.1;
const SQUARE_FACTOR = 1 / 1.1;

/** The parts of the syntax, tried in this order at each place. */
const TOKENS = {
  escape: /\\([()[\]\\])/y,
  backslash: /\\/y,
  openRound: /\(/y,
  openSquare: /\[/y,
  weight: /:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)/y,
  badWeight: /:\s*[+-]?[.\d]+\s*\)/y,
  closeRound: /\)/y,
  closeSquare: /\]/y,
  colon: /:/y,
  text: /[^\\()[\]:]+/y,
} as const;

type Token = {
  readonly kind: keyof typeof TOKENS;
  readonly start: number;
  readonly match: RegExpExecArray;
};

function* tokens(text: string): Generator<Token> {
  const kinds = Object.entries(TOKENS) as [keyof typeof TOKENS, RegExp][];
  for (let start = 0; start < text.length;) {
    for (const [kind, pattern] of kinds) {
      pattern.lastIndex = start;
      const match = pattern.exec(text);
      if (match === null) continue;
      yield { kind, start, match };
      // What is no weight is a colon, and what follows is read for itself.
      start += kind === 'badWeight' ? 1 : match[0].length;
      break;
    }
  }
}

/** Reads the attention syntax of a text. */
export function parseAttention(prompt: LocatedText): AttentionRead {
  const reader = new AttentionReader(prompt);
  for (const token of tokens(prompt.text)) reader.take(token);
  return reader.finish();
}

type Opening = { readonly segment: number; readonly range: PromptRange };

class AttentionReader {
  readonly #prompt: LocatedText;
  readonly #segments: { kind: Segment['kind']; text: string; weight: number }[] = [];
  readonly #rounds: Opening[] = [];
  readonly #squares: Opening[] = [];
  readonly #notes: PromptNote[] = [];

  constructor(prompt: LocatedText) {
    this.#prompt = prompt;
  }

  take({ kind, start, match }: Token): void {
    const [whole, inner = ''] = match;
    const range = this.#prompt.locate(start, start + whole.length);
    switch (kind) {
      case 'escape':
        this.#add(inner);
        return;
      case 'backslash':
        return; // alone it means nothing
      case 'openRound':
        this.#rounds.push({ segment: this.#segments.length, range });
        return;
      case 'openSquare':
        this.#squares.push({ segment: this.#segments.length, range });
        return;
      case 'weight':
        this.#close(this.#rounds, Number(inner), whole, range);
        return;
      case 'closeRound':
        this.#close(this.#rounds, ROUND_FACTOR, whole, range);
        return;
      case 'closeSquare':
        this.#close(this.#squares, SQUARE_FACTOR, whole, range);
        return;
      case 'badWeight':
        this.#notes.push({
          message: `${whole.slice(0, -1)} is no weight, so it is text.`,
          ...range,
        });
        this.#add(':');
        return;
      case 'colon':
        this.#add(whole);
        return;
      case 'text':
        this.#addText(whole);
        return;
    }
  }

  finish(): AttentionRead {
    for (const [openings, factor, bracket] of [
      [this.#rounds, ROUND_FACTOR, '('],
      [this.#squares, SQUARE_FACTOR, '['],
    ] as const) {
      for (const { segment, range } of openings) {
        this.#multiply(segment, factor);
        const message = `${bracket} is never closed, so it reaches to the end.`;
        this.#notes.push({ message, ...range });
      }
    }
    const segments: Segment[] = [];
    for (const segment of this.#segments) {
      const last = segments.at(-1);
      const isSame =
        last?.kind === 'text' && segment.kind === 'text' && last.weight === segment.weight;
      if (isSame) segments[segments.length - 1] = { ...last, text: last.text + segment.text };
      else segments.push(segment);
    }
    if (segments.length === 0) segments.push({ kind: 'text', text: '', weight: 1 });
    return { segments, notes: this.#notes.toSorted((a, b) => a.start - b.start) };
  }

  #addText(text: string): void {
    let from = 0;
    for (const { index } of text.matchAll(wholeWord('BREAK'))) {
      this.#add(from === 0 ? text.slice(0, index).trimEnd() : text.slice(from, index).trim());
      this.#segments.push({ kind: 'break', text: 'BREAK', weight: -1 });
      from = index + 'BREAK'.length;
    }
    this.#add(from === 0 ? text : text.slice(from).trimStart());
  }

  #add(text: string): void {
    this.#segments.push({ kind: 'text', text, weight: 1 });
  }

  #close(openings: Opening[], factor: number, text: string, range: PromptRange): void {
    const opening = openings.pop();
    if (opening === undefined) {
      const message = `${text} closes a bracket that was never opened, so it is text.`;
      this.#notes.push({ message, ...range });
      this.#add(text);
    } else {
      this.#multiply(opening.segment, factor);
    }
  }

  #multiply(from: number, factor: number): void {
    for (const segment of this.#segments.slice(from)) segment.weight *= factor;
  }
}
