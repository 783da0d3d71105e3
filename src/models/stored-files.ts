/**
 * A model's files on the web, kept on this machine: downloaded when they are first opened, read from disk from then on.
 */

import type { DownloadProgress } from '../downloads/progress.ts';
import type { DownloadStore } from '../downloads/download-store.ts';
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import { fileSourceAt } from '../weights/node-file-source.ts';
import type { ModelFolder } from './folder-parts.ts';

/** Where a hub keeps a model in diffusers' layout. */
export type HubSource = {
  /** Owner and name, such as `stabilityai/sd-turbo`. */
  readonly repository: string;
  /** Branch, tag or commit; default `main`. */
  readonly revision?: string;
  /** Origin of the hub; default `https://huggingface.co`. */
  readonly hub?: string;
  /** What is known of its files, by their paths; of the others the hub tells it. */
  readonly files?: readonly (Pick<FileSource, 'size' | 'sha256'> & { readonly path: string })[];
};

/** A file at an address of its own. */
export type FileSource = {
  readonly url: string;
  /** Bytes, where known. */
  readonly size?: number;
  /** In hexadecimal, where known. */
  readonly sha256?: string;
};

/** Options of opening what may have to be downloaded. */
export type StoreOptions = {
  /** Pauses a download: what has come is kept. */
  readonly signal?: AbortSignal | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Whether no server is asked: what is not here is missing then. Default no. */
  readonly isOffline?: boolean | undefined;
};

type HubFile = Awaited<ReturnType<DownloadStore['listHub']>>[number];

/** The hub where no other is named. */
export const HUB = 'https://huggingface.co';

/** Milliseconds for which a hub is waited for where most of a model is here. */
const PATIENCE_MS = 2500;

/**
 * The files of a hub's repository. What is here is opened without asking the hub; the hub's list of files tells what there
 * is besides, and the digests.
 */
export function hubFolder(
  name: string,
  source: HubSource,
  store: DownloadStore,
  { onDownload, signal, isOffline = false }: StoreOptions = {},
): ModelFolder {
  const root = hubRoot(source);
  let listed: Promise<HubFile[]> | undefined;
  const ask = async (): Promise<HubFile[]> => {
    const isHere = (await store.list()).some(({ path }) => path.startsWith(`${root}/`));
    // Without a connection a model that is here must open: what was not downloaded with it is not waited for.
    const patience = isHere ? [AbortSignal.timeout(PATIENCE_MS)] : [];
    const within = AbortSignal.any(signal === undefined ? patience : [signal, ...patience]);
    try {
      return await store.listHub(repositoryOf(source), { signal: within });
    } catch (error) {
      signal?.throwIfAborted();
      if (isHere) return [];
      throw error;
    }
  };
  /** One question for all files; one that failed is asked again. */
  const list = (): Promise<HubFile[]> => {
    listed ??= ask().catch((error: unknown) => {
      listed = undefined;
      throw error;
    });
    return listed;
  };
  return {
    name,
    open: async (path) => {
      const known = await store.get(hubPath(source, path));
      if (known !== undefined || isOffline) return known;
      const files = await list();
      const file = files.find((each) => each.path === path);
      if (file === undefined) return undefined;
      return store.download(hubTarget(source, file), { signal, onProgress: onDownload });
    },
  };
}

/** Which repository to ask a hub for. */
export function repositoryOf({
  repository,
  revision = 'main',
  hub = HUB,
}: HubSource): Required<Pick<HubSource, 'repository' | 'revision' | 'hub'>> {
  return { hub, repository, revision };
}

/** What to download for a file that a hub lists: the source knows of it better than the list. */
export function hubTarget(
  source: HubSource,
  file: HubFile,
): Pick<HubFile, 'url' | 'path' | 'size' | 'sha256'> {
  const { url, path } = file;
  const { size, sha256 } = { ...file, ...source.files?.find((each) => each.path === path) };
  return { url, path: hubPath(source, path), size, sha256 };
}

/** The folder of a store that holds what comes from a repository. */
export function hubRoot(source: HubSource): string {
  const { hub, repository, revision } = repositoryOf(source);
  return storePath(`${new URL(hub).host}/${repository}/${revision}`);
}

/** Where a store has the file at a path of a repository. */
function hubPath(source: HubSource, path: string): string {
  return `${hubRoot(source)}/${path}`;
}

/** Where a store has the file at an address. */
export function fileRoot({ url }: Pick<FileSource, 'url'>): string {
  const { host, pathname, search } = new URL(url);
  return storePath(host + pathname + search);
}

/** The file at an address, kept in the store; in Node `file:` too, which is read where it is. */
export async function storedFile(
  { url, size, sha256 }: FileSource,
  store: () => Promise<DownloadStore>,
  { signal, onDownload, isOffline = false }: StoreOptions = {},
): Promise<ByteSource> {
  const missing = (what: string): EngineError =>
    new EngineError('model-malformed', what, { detail: { url } });
  const at = URL.canParse(url) ? new URL(url) : undefined;
  if (at?.protocol === 'file:') {
    const name = decodeURIComponent(at.pathname);
    const source = await fileSourceAt(at, name);
    if (source === undefined) throw missing(`there is no file ${name}`);
    return source;
  }
  const path = fileRoot({ url });
  const kept = await store();
  if (!isOffline) {
    return kept.download({ url, size, sha256, path }, { signal, onProgress: onDownload });
  }
  const source = await kept.get(path);
  if (source === undefined) throw missing(`${path} is not on this machine`);
  return source;
}

/** An address as a path in the store: other characters than those of ordinary file names become `_`. */
export function storePath(address: string): string {
  const names = address.split('/').filter((name) => name !== '');
  return names.map((name) => name.replaceAll(/[^\w.-]/g, '_').replace(/^\.+/, '_')).join('/');
}
