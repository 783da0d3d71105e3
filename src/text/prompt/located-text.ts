/**
 * Text that remembers where in the prompt its characters stood.
 *
 * A prompt is taken apart and put together several times before it is tokens (LoRA mentions cut out, split at AND,
 * edited over the steps), yet what is said about it has to point at what the person wrote.
 */

/** See the file's header. Immutable; positions are UTF-16 code units from 0, as JavaScript's strings count. */
export class LocatedText {
  readonly text: string;
  readonly #positions: readonly number[];

  private constructor(text: string, positions: readonly number[]) {
    this.text = text;
    this.#positions = positions;
  }

  /** A whole prompt. */
  static of(text: string): LocatedText {
    return new LocatedText(
      text,
      Array.from({ length: text.length }, (_, i) => i),
    );
  }

  /** Several texts, one behind the other. */
  static join(parts: readonly LocatedText[]): LocatedText {
    return new LocatedText(
      parts.map(({ text }) => text).join(''),
      parts.flatMap((part) => part.#positions),
    );
  }

  /** Characters `start` to `end` (exclusive), both counted in this text. */
  slice(start: number, end: number = this.text.length): LocatedText {
    return new LocatedText(this.text.slice(start, end), this.#positions.slice(start, end));
  }

  /** Where the characters `start` to `end` (exclusive, and at least one) of this text stand in the prompt. */
  locate(start: number, end: number): PromptRange {
    const first = this.#positions[start] ?? 0;
    return { start: first, end: (this.#positions[end - 1] ?? first) + 1 };
  }
}

/** A part of a prompt: from `start` to before `end`, in UTF-16 code units from 0. */
export type PromptRange = { readonly start: number; readonly end: number };

/** Something about a prompt that its author may not have meant: it was read, but as what? */
export type PromptNote = PromptRange & {
  /** A sentence, without its position. */
  readonly message: string;
};
