/**
 * Adding to the shelf: by address or hub id, by choosing files or a folder, by dropping them anywhere on the page.
 */

import type { ChosenFile, LibraryActions, LibraryEntry } from '../src/index.ts';
import { droppedFiles, isForShelf, pickFiles } from './chosen-files.ts';
import { byId } from './dom.ts';
import { sentence } from './field-errors.ts';
import { failureOf } from './shelf-downloads.ts';

/** What adding needs of the shelf. */
export type AddActions = {
  readonly open: () => void;
  readonly added: (entries: readonly LibraryEntry[]) => void;
  /** Asks for the access token of a host. */
  readonly askToken: (host: string) => void;
};

/** See the file's header. */
export class ShelfAdd {
  readonly #library: LibraryActions;
  readonly #actions: AddActions;
  readonly #form = byId('shelf-add', HTMLFormElement);
  readonly #address = byId('shelf-address', HTMLInputElement);
  readonly #error = byId('shelf-add-error', HTMLElement);

  constructor(library: LibraryActions, actions: AddActions) {
    this.#library = library;
    this.#actions = actions;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#byAddress();
    });
    this.#address.addEventListener('input', () => this.#tell(''));
    byId('choose-weights', HTMLButtonElement).addEventListener('click', () => this.choose('files'));
    byId('choose-folder', HTMLButtonElement).addEventListener('click', () => this.choose('folder'));
    this.#listen();
  }

  /** Lets a person choose files, or a folder. */
  choose(what: 'files' | 'folder'): void {
    void this.#pick(what);
  }

  async #pick(what: 'files' | 'folder'): Promise<void> {
    const input = byId(what === 'files' ? 'weights' : 'folder', HTMLInputElement);
    await this.#busy(async () => this.#add(await pickFiles(what, input)));
  }

  async #byAddress(): Promise<void> {
    const what = this.#address.value.trim();
    if (what === '') {
      this.#tell('Enter a hub id such as owner/name, or an address.');
      this.#address.focus();
      return;
    }
    await this.#busy(async () => {
      const entry = await this.#library.add(what);
      this.#address.value = '';
      this.#actions.added([entry]);
    });
  }

  async #add(files: readonly ChosenFile[]): Promise<void> {
    if (files.length === 0) return;
    const { added, refused } = await this.#library.addFiles(files);
    this.#actions.added(added);
    const sentences = refused.map(({ name, reason }) => {
      return reason.includes(name) ? sentence(reason) : `${name}: ${sentence(reason)}`;
    });
    this.#tell(sentences.join(' '));
  }

  async #busy(work: () => Promise<void>): Promise<void> {
    this.#tell('');
    this.#form.setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (error) {
      const { message, host } = failureOf(error);
      this.#tell(sentence(message));
      if (host !== undefined) this.#actions.askToken(host);
    } finally {
      this.#form.removeAttribute('aria-busy');
    }
  }

  /** Weights that are dropped anywhere on the page are for the shelf; on the open shelf, so is everything else. */
  #listen(): void {
    const dialog = byId('shelf', HTMLDialogElement);
    const mark = (isOver: boolean): void => {
      dialog.classList.toggle('is-over', isOver && dialog.open);
    };
    document.addEventListener('dragover', () => mark(true), { capture: true });
    document.addEventListener('dragleave', () => mark(false), { capture: true });
    const drop = (event: DragEvent): void => {
      mark(false);
      const items = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === 'file');
      if (items.length === 0 || !(dialog.open || items.some(isForShelf))) return;
      event.preventDefault();
      event.stopPropagation();
      const files = droppedFiles(items);
      this.#actions.open();
      void this.#busy(async () => this.#add(await files));
    };
    document.addEventListener('drop', drop, { capture: true });
  }

  #tell(text: string): void {
    this.#error.textContent = text;
    this.#error.hidden = text === '';
    this.#address.setAttribute('aria-invalid', String(text !== ''));
  }
}
