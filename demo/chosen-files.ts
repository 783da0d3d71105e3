/**
 * Files and folders from disk, as handles where the browser gives them: those it can open again on the next visit.
 */

import type { ChosenFile } from '../src/index.ts';

/** What not every browser has, and the DOM's types do not know. */
type PickingWindow = {
  readonly showOpenFilePicker?: (options: {
    readonly multiple: boolean;
  }) => Promise<FileSystemFileHandle[]>;
  readonly showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle>;
};
type DroppedItem = DataTransferItem & {
  readonly getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
};

/** Names of files that hold weights, and so are for nothing else on the page. */
const WEIGHTS = /\.(safetensors|ckpt|pt|pth|bin)$/i;

/** Lets a person choose files or a folder; `input` does it where the browser gives no handles. Empty: nothing was chosen. */
export async function pickFiles(
  what: 'files' | 'folder',
  input: HTMLInputElement,
): Promise<readonly ChosenFile[]> {
  const { showOpenFilePicker, showDirectoryPicker } = globalThis as PickingWindow;
  try {
    if (what === 'files' && showOpenFilePicker !== undefined) {
      return await showOpenFilePicker({ multiple: true });
    }
    if (what === 'folder' && showDirectoryPicker !== undefined) {
      return [await showDirectoryPicker()];
    }
  } catch (error) {
    // Closing the browser's window without a choice is one, too.
    if (error instanceof DOMException && error.name === 'AbortError') return [];
    throw error;
  }
  return pickByInput(input);
}

/** Whether something that is dragged is a folder or a file with weights. */
export function isForShelf(item: DataTransferItem): boolean {
  const entry = item.webkitGetAsEntry();
  return entry === null
    ? WEIGHTS.test(item.getAsFile()?.name ?? '')
    : entry.isDirectory || WEIGHTS.test(entry.name);
}

/** What was dropped; to be called while the event is being handled. */
export async function droppedFiles(items: readonly DroppedItem[]): Promise<ChosenFile[]> {
  const each = items.map(async (item): Promise<ChosenFile | null> => {
    const file = item.getAsFile();
    const handle = await item.getAsFileSystemHandle?.().catch(() => null);
    const isHandle =
      handle instanceof FileSystemFileHandle || handle instanceof FileSystemDirectoryHandle;
    return isHandle ? handle : file;
  });
  return (await Promise.all(each)).filter((file) => file !== null);
}

function pickByInput(input: HTMLInputElement): Promise<readonly File[]> {
  return new Promise((resolve) => {
    // Handlers, for the next choice replaces them: a listener of one that was left would take its files away.
    input.onchange = () => {
      const files = [...(input.files ?? [])];
      input.value = '';
      resolve(files);
    };
    input.oncancel = () => resolve([]);
    input.click();
  });
}
