/**
 * Files and folders that a person chose, sorted into what could each be an entry: a folder in diffusers' layout, or a file of
 * weights.
 */

import type { ChosenFile } from './types.ts';

/** What could be one entry. */
export type Chosen = {
  /** The file's or folder's name. */
  readonly name: string;
  /** One file, or those of a folder, by their paths in it. */
  readonly blobs: Readonly<Record<string, File>>;
  /** What finds the files again on the next visit, where the browser gives such. */
  readonly handle: FileSystemHandle | undefined;
};

/** Whether a page may read what it remembers: at once, after asking the person, or never again. */
export type Reread = Chosen | 'locked' | 'lost';

/** What handles have in browsers that remember them; types do not know of it yet. */
type PermittedHandle = FileSystemHandle & {
  queryPermission?: (options: { mode: 'read' }) => Promise<PermissionState>;
  requestPermission?: (options: { mode: 'read' }) => Promise<PermissionState>;
};

const WEIGHTS = /\.(?:safetensors|pt|bin|ckpt|pth|gguf|onnx|zip)$/i;

/** Sorts what was chosen; files of a folder that are no entry by themselves are left out. */
export async function sortChosen(files: readonly ChosenFile[]): Promise<Chosen[]> {
  const folders = new Map<string, File[]>();
  const found: Chosen[] = [];
  for (const file of files) {
    if (!(file instanceof File)) {
      found.push(...(await chosenOf(file)));
      continue;
    }
    const [root, ...rest] = pathOf(file).split('/');
    if (root === undefined || rest.length === 0) found.push(single(file, undefined));
    else folders.set(root, [...(folders.get(root) ?? []), file]);
  }
  for (const [name, members] of folders) {
    const blobs = Object.fromEntries(
      members.map((file) => [pathOf(file).slice(name.length + 1), file]),
    );
    found.push(...ofFolder(name, blobs, undefined));
  }
  return found;
}

/** Reads remembered files again, without asking the person. */
export async function reread(handle: FileSystemHandle): Promise<Reread> {
  const state = await (handle as PermittedHandle).queryPermission?.({ mode: 'read' });
  if (state === 'prompt') return 'locked';
  if (state === 'denied') return 'lost';
  try {
    const [chosen] = await chosenOf(handle);
    return chosen ?? 'lost';
  } catch {
    // Moved, deleted, or on a disk that is not there.
    return 'lost';
  }
}

/** Asks the person to let the page read remembered files again; only browsers' handlers of clicks may. */
export async function permit(handle: FileSystemHandle): Promise<boolean> {
  const { requestPermission } = handle as PermittedHandle;
  return (await requestPermission?.call(handle, { mode: 'read' })) === 'granted';
}

async function chosenOf(handle: FileSystemHandle): Promise<Chosen[]> {
  if (isFile(handle)) return [single(await handle.getFile(), handle)];
  const folder = handle as FileSystemDirectoryHandle;
  return ofFolder(folder.name, await filesBelow(folder), folder);
}

function single(file: File, handle: FileSystemHandle | undefined): Chosen {
  return { name: file.name, blobs: { [file.name]: file }, handle };
}

/** The folder as a whole where it has a model's or a network's config; else each of its files of weights. */
function ofFolder(
  name: string,
  blobs: Readonly<Record<string, File>>,
  handle: FileSystemHandle | undefined,
): Chosen[] {
  if ('model_index.json' in blobs || 'config.json' in blobs) return [{ name, blobs, handle }];
  return Object.entries(blobs)
    .filter(([path]) => WEIGHTS.test(path))
    .map(([, file]) => single(file, undefined));
}

async function filesBelow(folder: FileSystemDirectoryHandle): Promise<Record<string, File>> {
  const files: Record<string, File> = {};
  for await (const [name, entry] of folder.entries()) {
    if (isFile(entry)) files[name] = await entry.getFile();
    else {
      const below = await filesBelow(entry);
      for (const [path, file] of Object.entries(below)) files[`${name}/${path}`] = file;
    }
  }
  return files;
}

/** Empty for files that were not chosen with their folder, and missing in Node. */
function pathOf({ webkitRelativePath = '' }: Partial<File>): string {
  return webkitRelativePath;
}

function isFile(handle: FileSystemHandle): handle is FileSystemFileHandle {
  return handle.kind === 'file';
}
