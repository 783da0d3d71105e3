/**
 * The parts of the model that an entry of the manifest describes, wherever its files are.
 */

import type { DownloadStore } from '../downloads/download-store.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import { openCheckpoint } from '../weights/safetensors.ts';
import { openClipTokenizer } from './clip-vocabulary-file.ts';
import { embeddedFolder } from './embedded-model.ts';
import { fetchedFolder } from './fetched-folder.ts';
import { partsOfFolder } from './folder-parts.ts';
import type { ModelEntry } from './manifest.ts';
import type { ModelParts } from './model-parts.ts';
import { modelStore } from './model-store.ts';
import { partsOfSingleFile } from './single-file-parts.ts';
import { localFile, localFolder } from './local-files.ts';
import { hubFolder, storedFile, type StoreOptions } from './stored-files.ts';

/** Options of {@link partsOf}. */
export type OpenPartsOptions = StoreOptions & {
  /** Keeps what is downloaded; default {@link modelStore}. */
  readonly store?: () => Promise<DownloadStore>;
};

/**
 * Opens what an entry describes: configs and headers are read, weights are not. Models from a hub and single files are
 * downloaded first, unless they are here.
 *
 * @throws EngineError `model-malformed` naming the file that is missing or damaged, `unsupported` for another family, and
 *   what {@link DownloadStore.download} throws.
 */
export async function partsOf(
  entry: ModelEntry,
  { store = modelStore, ...options }: OpenPartsOptions = {},
): Promise<ModelParts> {
  const { id, source } = entry;
  const { signal } = options;
  switch (source.kind) {
    case 'embedded':
      return partsOfFolder(embeddedFolder(), signal);
    case 'folder':
      return partsOfFolder(fetchedFolder(id, source.url), signal);
    case 'hub':
      return partsOfFolder(hubFolder(id, source, await store(), options), signal);
    case 'local':
      if (source.file === undefined)
        return partsOfFolder(localFolder(id, source, store), signal);
      return singleFile(entry, await localFile(id, source, store), signal);
    case 'file':
      return singleFile(entry, await storedFile(source, store, options), signal);
    default:
      return source satisfies never;
  }
}

async function singleFile(
  entry: ModelEntry,
  file: ByteSource,
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  const abortable = signal === undefined ? {} : { signal };
  const checkpoint = await openCheckpoint(entry.id, [file], abortable);
  return partsOfSingleFile(checkpoint, await openClipTokenizer(abortable), entry);
}
