/**
 * Finds words that have vectors of their own (textual inversion) in a prompt's text.
 *
 * A1111's web UI looks for the tokens of a word's name, which does not find `<toy>` before a comma, whose tokens join.
 * Here the text is searched: in any case of letters, and not inside of longer words.
 */

/** A word that stands for vectors of its own. */
export type EmbeddedWord = {
  /** As prompts write it; not empty. */
  readonly name: string;
  /** The ids that its vectors have, at most 75: they are never cut apart. */
  readonly ids: readonly number[];
};

/** Splits texts at the words; of several that fit at one place, the longest. */
export function wordSplitter(
  words: readonly EmbeddedWord[],
): (text: string) => (string | EmbeddedWord)[] {
  if (words.length === 0) return (text) => [text];
  const sorted = words.toSorted((a, b) => b.name.length - a.name.length);
  const pattern = new RegExp(sorted.map(({ name }) => `(${standalone(name)})`).join('|'), 'giu');
  return (text) => {
    const pieces: (string | EmbeddedWord)[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      const word = sorted[match.slice(1).findIndex((group) => group !== undefined)];
      if (match.index > from) pieces.push(text.slice(from, match.index));
      if (word !== undefined) pieces.push(word);
      from = match.index + match[0].length;
    }
    if (from < text.length) pieces.push(text.slice(from));
    return pieces;
  };
}

/** A pattern for a name that is no part of a longer word. */
function standalone(name: string): string {
  const escaped = name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  const wordCharacter = String.raw`[\p{L}\p{N}_]`;
  const before = new RegExp(`^${wordCharacter}`, 'u').test(name) ? `(?<!${wordCharacter})` : '';
  const after = new RegExp(`${wordCharacter}$`, 'u').test(name) ? `(?!${wordCharacter})` : '';
  return before + escaped + after;
}
