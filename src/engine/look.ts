/**
 * Looks at what a person points at, an address, a hub's repository or files from disk, and makes an entry of it. Of large
 * files only the header is read.
 */

import type { DownloadStore } from '../downloads/download-store.ts';
import { EngineError } from '../errors.ts';
import type { ModelFolder } from '../models/folder-parts.ts';
import { identifyFolder } from '../models/identify-folder.ts';
import { identifyFile, NATIVE_SIZES, type EntryKind, type Identified } from '../models/identify.ts';
import { localFolder } from '../models/local-files.ts';
import type { ModelEntry } from '../models/manifest.ts';
import { exportedBytes, neededFiles, type ExportedBytes } from '../models/needed-files.ts';
import { openEntry, type KindedEntry } from '../models/open-entry.ts';
import { HUB } from '../models/stored-files.ts';
import { blobSource } from '../weights/byte-source.ts';
import { fileSourceAt } from '../weights/node-file-source.ts';

/** What is known beforehand; the files tell the rest. */
export type LookOptions = {
  /** What it has to be; default whatever it is. */
  readonly kind?: EntryKind | undefined;
  /** What requests shall call it; default the file's or the repository's name. */
  readonly id?: string | undefined;
  /** What people shall call it; default what the file says, else as the id. */
  readonly name?: string | undefined;
  /** Branch, tag or commit of a hub's repository; default `main`. */
  readonly revision?: string | undefined;
  /** Origin of the hub for repositories by name. Default `https://huggingface.co`. */
  readonly hub?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Store = () => Promise<DownloadStore>;

/** A repository, and a file of it where one was named. */
type Pointed = {
  readonly repository: string;
  readonly revision: string;
  readonly path?: string | undefined;
};

/**
 * Makes an entry of an http or https address, of a hub's repository by owner and name, or of the page of either on the hub;
 * in Node also of a `file:` address, where a folder's ends in a slash.
 *
 * @throws EngineError what a download throws, and what {@link identifyFile} says of what is no use.
 */
export async function lookAtAddress(
  what: string,
  open: Store,
  options: LookOptions = {},
): Promise<KindedEntry> {
  const { hub = HUB, revision = 'main' } = options;
  const text = what.trim();
  if (/^[\w.-]+\/[\w.-]+$/.test(text)) {
    return lookAtHub({ repository: text, revision }, await open(), { ...options, hub });
  }
  if (!URL.canParse(text) || !/^(?:https?|file):$/.test(new URL(text).protocol)) {
    throw new EngineError(
      'invalid-argument',
      `${JSON.stringify(text)} is neither an address that begins with https:// nor a repository such as stabilityai/sd-turbo`,
    );
  }
  const url = new URL(text);
  url.hash = '';
  const pointed = url.origin === new URL(hub).origin ? pointedAt(url) : undefined;
  if (pointed !== undefined) return lookAtHub(pointed, await open(), { ...options, hub });
  if (url.protocol === 'file:') return lookAtDisk(url, options);
  return lookAtFile(url, await open(), options);
}

/**
 * Makes an entry of files that a person chose; one file is a file, several are a folder in diffusers' layout, by their paths
 * in it. The entry holds the files, by reference.
 */
export async function lookAtFiles(
  name: string,
  blobs: Readonly<Record<string, Blob>>,
  options: LookOptions = {},
): Promise<KindedEntry> {
  const { signal } = options;
  const [first, ...more] = Object.entries(blobs);
  if (first === undefined) throw new EngineError('invalid-argument', `${name} holds no files`);
  const [path, blob] = first;
  const key = crypto.randomUUID();
  if (more.length === 0) {
    const found = await identifyFile(blobSource(blob, path), signal);
    const source = { kind: 'local', key, file: path, blobs } as const;
    return entryOf(found, source, { name: path, bytes: blob.size, options });
  }
  const source = { kind: 'local', key, folder: name, blobs } as const;
  const none = (): Promise<DownloadStore> => Promise.reject(new Error('nothing is stored'));
  const folder = localFolder(name, source, none);
  const found = await identifyFolder(folder, signal);
  if (found === undefined) throw noModel(name);
  const bytes = Object.values(blobs).reduce((sum, { size }) => sum + size, 0);
  const exported = exportedBytes(neededFiles(Object.keys(blobs)), (each) => blobs[each]?.size ?? 0);
  const named = entryOf(found, source, { name, bytes, exported, options });
  await openEntry(named, { store: none, signal });
  return named;
}

async function lookAtDisk(url: URL, options: LookOptions): Promise<KindedEntry> {
  const { signal } = options;
  const path = decodeURIComponent(url.pathname);
  const name = path.split('/').findLast((each) => each !== '') ?? path;
  if (path.endsWith('/')) {
    const folder: ModelFolder = {
      name,
      open: (file) => fileSourceAt(new URL(file, url), file),
    };
    const found = await identifyFolder(folder, signal);
    if (found === undefined) throw noModel(name);
    return entryOf(found, { kind: 'folder', url: url.href }, { name, options });
  }
  const file = await fileSourceAt(url, name);
  if (file === undefined) throw new EngineError('invalid-argument', `there is no file ${path}`);
  const found = await identifyFile(file, signal);
  return entryOf(found, { kind: 'file', url: url.href }, { name, options });
}

async function lookAtFile(
  url: URL,
  store: DownloadStore,
  options: LookOptions,
): Promise<KindedEntry> {
  const { signal } = options;
  const file = await store.peek(url.href, { signal });
  const found = await identifyFile(file, signal);
  return entryOf(
    found,
    { kind: 'file', url: url.href },
    { name: file.name, bytes: file.size, options },
  );
}

async function lookAtHub(
  { repository, revision, path }: Pointed,
  store: DownloadStore,
  options: LookOptions & { readonly hub: string },
): Promise<KindedEntry> {
  const { hub, signal } = options;
  const files = await store.listHub({ hub, repository, revision }, { signal });
  const find = (each: string) => files.find((file) => file.path === each);
  const single = async (file: string): Promise<KindedEntry> => {
    const listed = find(file);
    if (listed === undefined) {
      const message = `${repository} has no file ${file} at ${revision}`;
      throw new EngineError('invalid-argument', message, { detail: { repository, path: file } });
    }
    return lookAtFile(new URL(listed.url), store, options);
  };
  if (path !== undefined) return single(path);
  const folder: ModelFolder = {
    name: repository,
    open: async (each) => {
      const listed = find(each);
      return listed && store.peek(listed.url, { signal });
    },
  };
  const found = await identifyFolder(folder, signal);
  if (found === undefined) {
    const [only, ...more] = files.filter((file) => file.path.endsWith('.safetensors'));
    if (only !== undefined && more.length === 0) return single(only.path);
    throw undecided(repository, only === undefined ? [] : [only, ...more]);
  }
  const needed = neededFiles(files.map((file) => file.path));
  const sizes = new Map(files.map(({ path: each, size }) => [each, size]));
  const sizeOf = (each: string): number => sizes.get(each) ?? 0;
  const named = entryOf(
    found,
    {
      kind: 'hub',
      repository,
      ...(revision === 'main' ? {} : { revision }),
      ...(hub === HUB ? {} : { hub }),
    },
    {
      name: repository.split('/').at(-1) ?? repository,
      ...(needed.isWhole
        ? { bytes: needed.paths.reduce((sum, each) => sum + sizeOf(each), 0) }
        : {}),
      exported: exportedBytes(needed, sizeOf),
      licenceUrl: `${new URL(hub).origin}/${repository}`,
      options,
    },
  );
  return named;
}

/** What a page of the hub is about: a repository, or one of its files. */
function pointedAt({ pathname }: URL): Pointed | undefined {
  const match = /^\/([\w.-]+\/[\w.-]+?)(?:\/(tree|blob|resolve)\/([^/]+)(?:\/(.+))?)?\/?$/.exec(
    pathname,
  );
  if (match === null) return undefined;
  const [, repository = '', view, revision = 'main', path] = match;
  return {
    repository,
    revision: decodeURIComponent(revision),
    ...(view === 'tree' || path === undefined ? {} : { path: decodeURIComponent(path) }),
  };
}

function undecided(repository: string, files: readonly { readonly path: string }[]): EngineError {
  const shown = files.slice(0, 10).map(({ path }) => path);
  const list = shown.join(', ') + (files.length > shown.length ? ', …' : '');
  return new EngineError(
    'unsupported',
    files.length === 0
      ? `${repository} holds no model in diffusers' layout and no .safetensors file`
      : `${repository} holds several files and no model in diffusers' layout; give the address of one of them: ${list}`,
    { detail: { repository, files: shown } },
  );
}

function noModel(name: string): EngineError {
  return new EngineError(
    'model-malformed',
    `${name} holds neither a model_index.json nor a config.json, so it is no model in diffusers' layout`,
    { detail: { name } },
  );
}

function entryOf(
  { kind, family, nativeSize, title }: Identified,
  source: ModelEntry['source'],
  {
    name,
    bytes,
    exported,
    licenceUrl,
    options,
  }: {
    readonly name: string;
    readonly bytes?: number;
    readonly exported?: ExportedBytes | undefined;
    readonly licenceUrl?: string;
    readonly options: LookOptions;
  },
): KindedEntry {
  if (options.kind !== undefined && options.kind !== kind) {
    throw new EngineError(
      'invalid-argument',
      `${name} is ${withArticle(kind)}, not ${withArticle(options.kind)}`,
      {
        detail: { name, kind },
      },
    );
  }
  const id = options.id ?? idOf(name);
  const entry = {
    id,
    name: options.name ?? title ?? id,
    source,
    ...(family === undefined ? {} : { family }),
    ...(bytes === undefined ? {} : { downloadBytes: bytes }),
    licence: 'unknown',
    ...(licenceUrl === undefined ? {} : { licenceUrl }),
  };
  if (kind !== 'model') return { kind, entry: { ...entry, kind } };
  const sizes = exported === undefined ? {} : { exportedBytes: exported };
  return { kind, entry: { ...entry, nativeSize: nativeSize ?? NATIVE_SIZES.sd1, ...sizes } };
}

/** A kind with its article. */
function withArticle(kind: EntryKind): string {
  return `${/^[aeu]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** A name without its ending, as one word. */
function idOf(name: string): string {
  const bare = name.replace(/\.(?:safetensors|pt|bin|ckpt|pth)$/i, '').trim();
  return bare.replaceAll(/[\s,:<>()[\]|]+/g, '-') || 'file';
}
