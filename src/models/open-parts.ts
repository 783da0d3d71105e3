/**
 * The parts of the model that an entry of the manifest describes, wherever its files are.
 */

import { EngineError } from '../errors.ts';
import { openCheckpoint } from '../weights/safetensors.ts';
import { openClipTokenizer } from './clip-vocabulary-file.ts';
import { embeddedFolder } from './embedded-model.ts';
import { fetchedFolder, openUrl } from './fetched-folder.ts';
import { partsOfFolder } from './folder-parts.ts';
import type { ModelEntry } from './manifest.ts';
import type { ModelParts } from './model-parts.ts';
import { partsOfSingleFile } from './single-file-parts.ts';

/**
 * Opens what an entry describes: configs and headers are read, weights are not.
 *
 * @throws EngineError `model-malformed` naming the file that is missing or damaged, `unsupported` for another family.
 */
export async function partsOf(entry: ModelEntry, signal?: AbortSignal): Promise<ModelParts> {
  const { id, source } = entry;
  switch (source.kind) {
    case 'embedded':
      return partsOfFolder(embeddedFolder(), signal);
    case 'folder':
      return partsOfFolder(fetchedFolder(id, source.url), signal);
    case 'file': {
      const file = await openUrl(new URL(source.url), source.url, signal);
      if (file === undefined) {
        throw new EngineError('model-malformed', `there is no file at ${source.url}`, {
          detail: { url: source.url },
        });
      }
      const checkpoint = await openCheckpoint(id, [file], signal === undefined ? {} : { signal });
      return partsOfSingleFile(checkpoint, await openClipTokenizer(signal === undefined ? {} : { signal }), entry);
    }
    default:
      return source satisfies never;
  }
}
