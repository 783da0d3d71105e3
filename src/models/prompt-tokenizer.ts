/**
 * The tokenizer that counts the tokens of prompts for a model, without the model: from its small files, or CLIP's own.
 */

import type { ClipTokenizer } from '../text/clip-tokenizer.ts';
import { openClipTokenizer } from './clip-vocabulary-file.ts';
import { embeddedFolder } from './embedded-model.ts';
import { fetchedFolder } from './fetched-folder.ts';
import { tokenizerOfFolder } from './folder-parts.ts';
import type { ModelEntry } from './manifest.ts';

/**
 * The tokenizer of an entry's first text encoder. Nothing is downloaded for it: models from hubs and single files have
 * CLIP's vocabulary, which is part of the package.
 *
 * @throws EngineError `model-malformed` naming the file that is missing or damaged.
 */
export function promptTokenizer({ id, source }: ModelEntry): Promise<ClipTokenizer> {
  switch (source.kind) {
    case 'embedded':
      return tokenizerOfFolder(embeddedFolder());
    case 'folder':
      return tokenizerOfFolder(fetchedFolder(id, source.url));
    case 'hub':
    case 'local':
    case 'file':
      return openClipTokenizer();
    default:
      return source satisfies never;
  }
}
