/**
 * How much of the browser's storage is used, and whether the browser has promised to keep it.
 */

import type { LibraryActions } from '../src/index.ts';
import { byId } from './dom.ts';
import { storageText } from './shelf-words.ts';

const KEPT = 'The browser has promised not to clear it by itself.';
const DENIED =
  'The browser has not promised to keep it: when the disk is full, it may clear what is here. ' +
  'Some browsers promise once a page is a bookmark, or is installed.';

/** See the file's header. */
export class ShelfStorage {
  readonly #library: LibraryActions;
  readonly #persist = byId('persist', HTMLButtonElement);

  constructor(library: LibraryActions) {
    this.#library = library;
    this.#persist.addEventListener('click', () => void this.#keep());
  }

  /** Shows it as it is now. */
  async refresh(): Promise<void> {
    const report = await this.#library.storage();
    const { usage, quota, isPersisted } = report;
    byId('storage-text', HTMLElement).textContent = storageText(report);
    const meter = byId('storage-meter', HTMLElement);
    meter.hidden = quota === undefined || quota === 0;
    meter.style.setProperty('--progress', String(Math.min(1, usage / (quota ?? 1))));
    this.#persist.hidden = isPersisted !== false;
    if (isPersisted === true) this.#tell(KEPT);
  }

  async #keep(): Promise<void> {
    const isPersisted = await this.#library.persist();
    await this.refresh();
    this.#tell(isPersisted ? KEPT : DENIED);
  }

  #tell(text: string): void {
    const place = byId('persist-text', HTMLElement);
    place.textContent = text;
    place.hidden = false;
  }
}
