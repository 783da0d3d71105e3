/**
 * CLIP's own vocabulary in its packed form: what every published Stable Diffusion uses, and single-file checkpoints do
 * not bring along.
 *
 * The vocabulary follows from the merges: 256 characters that stand for bytes, the same at the end of a word, one token a
 * merge in order, the two marks. A merge joins two tokens that are there already, so the packed form is two ids a merge,
 * 16 bits each, as four planes of bytes: lower and upper bytes of the first ids, lower and upper ones of the second.
 */

import { EngineError } from '../errors.ts';

/** What vocab.json and merges.txt hold. */
export type ClipVocabulary = {
  /** Ids by token. */
  readonly vocab: Readonly<Record<string, number>>;
  /** One pair a line, most urgent first. */
  readonly merges: string;
};

const WORD_END = '</w>';
const MARKS = ['<|startoftext|>', '<|endoftext|>'] as const;
const PLANES = 4;

/** The 256 characters that stand for bytes: in the order of their ids, as GPT-2 chose them. */
function byteCharacters(): string[] {
  const isOwn = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const own = bytes.filter(isOwn);
  // Bytes that are no visible character of Latin-1 get the characters from 256 on.
  const others = bytes.filter((byte) => !isOwn(byte)).map((_, i) => 256 + i);
  return [...own, ...others].map((code) => String.fromCharCode(code));
}

function initialTokens(): string[] {
  const characters = byteCharacters();
  return [...characters, ...characters.map((character) => character + WORD_END)];
}

/** Packs the merges of a merges.txt, without its version line. */
export function packMerges(
  merges: readonly (readonly [string, string])[],
): Uint8Array<ArrayBuffer> {
  const tokens = initialTokens();
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const count = merges.length;
  const packed = new Uint8Array(PLANES * count);
  for (const [i, pair] of merges.entries()) {
    for (const [side, token] of pair.entries()) {
      const id = ids.get(token);
      if (id === undefined)
        throw new RangeError(`merge ${i} joins ${token}, which is no token yet`);
      packed[2 * side * count + i] = id & 0xff;
      packed[(2 * side + 1) * count + i] = id >> 8;
    }
    ids.set(pair.join(''), ids.size);
  }
  return packed;
}

/**
 * Unpacks what {@link packMerges} packed.
 *
 * @throws EngineError `model-malformed` when a merge joins what is not there yet, as in a damaged file.
 */
export function unpackVocabulary(packed: Uint8Array): ClipVocabulary {
  const count = packed.length / PLANES;
  const tokens = initialTokens();
  const lines: string[] = [];
  const token = (side: number, i: number): string => {
    const id =
      (packed[2 * side * count + i] ?? 0) | ((packed[(2 * side + 1) * count + i] ?? 0) << 8);
    const found = tokens[id];
    if (found !== undefined) return found;
    throw new EngineError('model-malformed', `merge ${i} of CLIP's vocabulary joins token ${id}`);
  };
  for (let i = 0; i < count; i++) {
    const [first, second] = [token(0, i), token(1, i)];
    lines.push(`${first} ${second}`);
    tokens.push(first + second);
  }
  const vocab = Object.fromEntries([...tokens, ...MARKS].map((each, id) => [each, id]));
  return { vocab, merges: lines.join('\n') };
}
