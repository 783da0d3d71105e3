/**
 * The tokenizer for models that come without one: CLIP's vocabulary, a file of the package, read on first use.
 */

import { EngineError } from '../errors.ts';
import { clipTokenizerJson } from '../text/clip-tokenizer-json.ts';
import { ClipTokenizer } from '../text/clip-tokenizer.ts';
import { unpackVocabulary, type ClipVocabulary } from '../text/clip-vocabulary.ts';
import { openUrl } from './fetched-folder.ts';

/** Packed by src/text/clip-vocabulary.ts and compressed with zlib: 160 kB in place of 1.4 MB. */
const FILE = new URL('../../models/clip-tokenizer/merges.bin', import.meta.url);

/**
 * CLIP's vocabulary.
 *
 * @throws EngineError `model-malformed` when the package's file cannot be had.
 */
export async function clipVocabulary(signal?: AbortSignal): Promise<ClipVocabulary> {
  const source = await openUrl(FILE, 'models/clip-tokenizer/merges.bin', signal);
  if (source === undefined) {
    throw new EngineError('model-malformed', `${FILE.href}, a file of this package, is missing`);
  }
  const compressed = new Blob([await source.read(0, source.size, signal)]);
  const packed = compressed.stream().pipeThrough(new DecompressionStream('deflate'));
  return unpackVocabulary(new Uint8Array(await new Response(packed).arrayBuffer()));
}

/**
 * CLIP's tokenizer. OpenCLIP's, of Stable Diffusion 2 and of SDXL's second text encoder, differs only in that it pads
 * with token 0, the exclamation mark.
 *
 * @throws EngineError as {@link clipVocabulary}.
 */
export async function openClipTokenizer(
  options: { readonly padsWithZero?: boolean; readonly signal?: AbortSignal } = {},
): Promise<ClipTokenizer> {
  const { padsWithZero = false, signal } = options;
  const { vocab, merges } = await clipVocabulary(signal);
  return new ClipTokenizer(
    clipTokenizerJson(vocab, merges),
    padsWithZero ? { pad_token: '!' } : {},
  );
}
