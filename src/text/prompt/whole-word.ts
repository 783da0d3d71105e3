/**
 * Keywords of the prompt syntax: words that count only when they stand alone.
 */

/** Finds all places of `word` with no letter, digit or underscore of any script beside it. */
export function wholeWord(word: string): RegExp {
  return new RegExp(String.raw`(?<![\p{L}\p{N}_])${word}(?![\p{L}\p{N}_])`, 'gu');
}
