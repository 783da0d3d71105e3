/**
 * The grammar of prompt editing and alternation, as a recursive descent parser.
 *
 *     prompt      = { group | edit | alternation | escape | plain }
 *     edit        = "[" [ prompt ":" ] prompt ":" number "]"
 *     alternation = "[" prompt "|" prompt { "|" prompt } "]"
 *     group       = "(" prompt [ ":" prompt ] ")" | "[" prompt "]"     (weights: text here, see attention.ts)
 *     text        = { prompt | one of "[]():" that fits nowhere else }
 *
 * Brackets that are no edit are weights or plain text, which is not decided here. A prompt may be empty. Results are
 * kept by position, so that no text takes more than linear time.
 */

import { EngineError } from '../../errors.ts';
import { LocatedText, type PromptNote } from './located-text.ts';

/** A part of a prompt that may change over the steps. */
export type EditNode =
  | { readonly kind: 'text'; readonly text: LocatedText }
  /** `from` until the step that `when` says, `to` from then on. */
  | {
      readonly kind: 'edit';
      readonly from: readonly EditNode[];
      readonly to: readonly EditNode[];
      /** A number as written, since a point in it makes it a fraction. */
      readonly when: string;
    }
  /** One item a step, in turn. */
  | { readonly kind: 'alternation'; readonly items: readonly (readonly EditNode[])[] };

/** What the grammar made of a text. */
export type EditTree = {
  readonly nodes: readonly EditNode[];
  readonly notes: readonly PromptNote[];
};

/** Brackets may be nested this deep; deeper ones are refused rather than parsed for minutes. */
const MAX_DEPTH = 100;

const PLAIN = /[^\\[\]():|]+/y;
const ESCAPE = /\\./y;
const WHEN = /\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*\]/y;

/**
 * Parses a prompt. A text that the grammar cannot take (a `|` outside of an alternation, a backslash at the very end) is
 * one literal text as a whole, and noted if brackets in it will not do what they look like.
 *
 * @throws EngineError `invalid-argument` when brackets are nested too deeply; the message has the position.
 */
export function parseEdits(text: LocatedText): EditTree {
  checkDepth(text);
  return new EditParser(text).parse();
}

function checkDepth(text: LocatedText): void {
  let depth = 0;
  for (let i = 0; i < text.text.length; i++) {
    const char = text.text.charAt(i);
    if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth = Math.max(0, depth - 1);
    if (depth <= MAX_DEPTH) continue;
    const { start, end } = text.locate(i, i + 1);
    throw new EngineError(
      'invalid-argument',
      `brackets are nested more than ${MAX_DEPTH} deep at position ${start} of the prompt`,
      { detail: { start, end } },
    );
  }
}

type Parsed = { readonly nodes: readonly EditNode[]; readonly end: number };

class EditParser {
  readonly #text: LocatedText;
  readonly #prompts = new Map<number, Parsed>();

  constructor(text: LocatedText) {
    this.#text = text;
  }

  parse(): EditTree {
    const nodes: EditNode[] = [];
    let at = 0;
    for (;;) {
      const prompt = this.#prompt(at);
      nodes.push(...prompt.nodes);
      at = prompt.end;
      if (at === this.#text.text.length) return { nodes, notes: [] };
      if (!'[]():'.includes(this.#charAt(at))) return this.#literal(at);
      nodes.push(this.#textNode(at, at + 1));
      at++;
    }
  }

  /** The whole text as it is, because of what stands at `at`. */
  #literal(at: number): EditTree {
    const nodes: EditNode[] = [{ kind: 'text', text: this.#text }];
    const mayHoldEdits = this.#text.text.includes('[');
    if (!mayHoldEdits) return { nodes, notes: [] };
    const message = `${this.#charAt(at)} fits nowhere here, so nothing in this prompt is edited or alternated.`;
    return { nodes, notes: [{ message, ...this.#text.locate(at, at + 1) }] };
  }

  /** As much of a prompt as there is from `start` on; perhaps nothing. */
  #prompt(start: number): Parsed {
    const known = this.#prompts.get(start);
    if (known !== undefined) return known;
    const nodes: EditNode[] = [];
    let end = start;
    for (;;) {
      const part = this.#part(end);
      if (part === undefined) break;
      nodes.push(...part.nodes);
      end = part.end;
    }
    const parsed = { nodes, end };
    this.#prompts.set(start, parsed);
    return parsed;
  }

  #part(at: number): Parsed | undefined {
    switch (this.#charAt(at)) {
      case '(':
        return this.#round(at);
      case '[':
        return this.#square(at);
      case '\\':
        return this.#matching(ESCAPE, at);
      default:
        return this.#matching(PLAIN, at);
    }
  }

  #matching(pattern: RegExp, at: number): Parsed | undefined {
    const match = this.#match(pattern, at);
    if (match === undefined) return undefined;
    const end = at + match[0].length;
    return { nodes: [this.#textNode(at, end)], end };
  }

  #round(at: number): Parsed | undefined {
    const first = this.#prompt(at + 1);
    const open = this.#textNode(at, at + 1);
    if (this.#charAt(first.end) === ')') return this.#closed([open, ...first.nodes], first.end);
    if (this.#charAt(first.end) !== ':') return undefined;
    const second = this.#prompt(first.end + 1);
    if (this.#charAt(second.end) !== ')') return undefined;
    const colon = this.#textNode(first.end, first.end + 1);
    return this.#closed([open, ...first.nodes, colon, ...second.nodes], second.end);
  }

  #square(at: number): Parsed | undefined {
    const first = this.#prompt(at + 1);
    switch (this.#charAt(first.end)) {
      case ']':
        return this.#closed([this.#textNode(at, at + 1), ...first.nodes], first.end);
      case '|':
        return this.#alternation(first);
      case ':': {
        const soon = this.#edit([], first);
        if (soon !== undefined) return soon;
        const second = this.#prompt(first.end + 1);
        return this.#charAt(second.end) === ':' ? this.#edit(first.nodes, second) : undefined;
      }
      default:
        return undefined;
    }
  }

  /** An edit whose second text ends at a colon, if a number and the bracket follow. */
  #edit(from: readonly EditNode[], to: Parsed): Parsed | undefined {
    const match = this.#match(WHEN, to.end + 1);
    if (match === undefined) return undefined;
    const [whole, when = ''] = match;
    return { nodes: [{ kind: 'edit', from, to: to.nodes, when }], end: to.end + 1 + whole.length };
  }

  #alternation(first: Parsed): Parsed | undefined {
    const items = [first.nodes];
    let { end } = first;
    while (this.#charAt(end) === '|') {
      const item = this.#prompt(end + 1);
      items.push(item.nodes);
      end = item.end;
    }
    if (this.#charAt(end) !== ']') return undefined;
    return { nodes: [{ kind: 'alternation', items }], end: end + 1 };
  }

  /** A group that ends with the bracket at `end`. */
  #closed(nodes: readonly EditNode[], end: number): Parsed {
    return { nodes: [...nodes, this.#textNode(end, end + 1)], end: end + 1 };
  }

  #match(pattern: RegExp, at: number): RegExpExecArray | undefined {
    pattern.lastIndex = at;
    return pattern.exec(this.#text.text) ?? undefined;
  }

  #charAt(index: number): string {
    return this.#text.text.charAt(index);
  }

  #textNode(start: number, end: number): EditNode {
    return { kind: 'text', text: this.#text.slice(start, end) };
  }
}
