/**
 * The tokenizer.json of a CLIP tokenizer that comes as vocab.json and merges.txt alone, the older form.
 *
 * Only those two differ from one CLIP tokenizer to the next: how text is cleaned and split is the same in all of them.
 */

import { EngineError } from '../errors.ts';

const START = '<|startoftext|>';
const END = '<|endoftext|>';

/** The two marks, contractions, runs of letters, single digits, runs of anything else that is visible. */
const WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/**
 * Puts a tokenizer.json together.
 *
 * @param vocab content of vocab.json: ids by token.
 * @param merges content of merges.txt: a version, then one pair a line, most urgent first.
 * @throws EngineError `model-malformed` for a line of merges that is no pair, or a vocabulary without CLIP's two marks.
 */
export function clipTokenizerJson(
  vocab: Readonly<Record<string, unknown>>,
  merges: string,
): object {
  const lines = merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
  return {
    version: '1.0',
    added_tokens: [START, END].map((content) => ({
      id: idOf(vocab, content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [END, idOf(vocab, END)],
      cls: [START, idOf(vocab, START)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: lines.map(pair),
    },
  };
}

function pair(line: string, index: number): [string, string] {
  const [first, second, ...rest] = line.split(' ');
  if (first !== undefined && second !== undefined && rest.length === 0) return [first, second];
  throw new EngineError(
    'model-malformed',
    `merge ${index + 1} of merges.txt is no pair of tokens: ${line.slice(0, 80)}`,
  );
}

function idOf(vocab: Readonly<Record<string, unknown>>, token: string): number {
  const id = vocab[token];
  if (typeof id === 'number') return id;
  throw new EngineError('model-malformed', `vocab.json has no token ${token}`);
}
