/**
 * The image that a drawing starts from: chosen, dropped anywhere on the page, pasted, or given by its address.
 *
 * It is not read here: the engine judges it, and its words are shown beside it.
 */

import { byId } from './dom.ts';
import { clearErrors } from './field-errors.ts';

/** See the file's header. */
export class StartImage {
  #value: Blob | string | undefined;
  readonly #picture = byId('chosen-picture', HTMLImageElement);

  constructor() {
    const file = byId('file', HTMLInputElement);
    const address = byId('address', HTMLInputElement);
    const addressRow = byId('address-row', HTMLElement);
    const useAddress = (): void => {
      const text = address.value.trim();
      if (text !== '') this.set(text, text);
    };
    on('choose', () => file.click());
    file.addEventListener('change', () => {
      this.#take(file.files);
      file.value = '';
    });
    on('by-address', () => {
      addressRow.hidden = false;
      address.focus();
    });
    on('use-address', useAddress);
    address.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      useAddress();
    });
    on('remove-image', () => {
      this.clear();
      byId('choose', HTMLButtonElement).focus();
    });
    this.#picture.addEventListener('error', () => (this.#picture.hidden = true));
    this.#picture.addEventListener('load', () => (this.#picture.hidden = false));
    this.#listen();
  }

  /** What goes into the request; undefined when a drawing starts from noise alone. */
  get value(): Blob | string | undefined {
    return this.#value;
  }

  /** Starts from an image, shown under a name. */
  set(image: Blob | string, name: string): void {
    this.#show(image);
    byId('chosen-name', HTMLElement).textContent = name;
  }

  /** Starts from noise again. */
  clear(): void {
    this.#show(undefined);
  }

  #show(image: Blob | string | undefined): void {
    clearErrors('init_image');
    URL.revokeObjectURL(this.#picture.src);
    this.#value = image;
    const isThere = image !== undefined;
    byId('chosen', HTMLElement).hidden = !isThere;
    byId('drop', HTMLElement).hidden = isThere;
    byId('address-row', HTMLElement).hidden = true;
    byId('strength-field', HTMLElement).hidden = !isThere;
    if (image instanceof Blob) this.#picture.src = URL.createObjectURL(image);
    else if (image === undefined) this.#picture.removeAttribute('src');
    else this.#picture.src = image;
  }

  #listen(): void {
    const isOver = (state: boolean): void => {
      byId('start-image', HTMLElement).classList.toggle('is-over', state);
    };
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      isOver(true);
    });
    document.addEventListener('dragleave', () => isOver(false));
    document.addEventListener('drop', (event) => {
      // Text dropped into a field belongs there.
      const address = event.dataTransfer?.getData('text/uri-list') ?? '';
      const files = event.dataTransfer?.files;
      isOver(false);
      if (files?.length === 0 && address === '') return;
      event.preventDefault();
      if (!this.#take(files) && address !== '') this.set(address, address);
    });
    document.addEventListener('paste', (event) => {
      if (this.#take(event.clipboardData?.files)) event.preventDefault();
    });
  }

  #take(files: FileList | null | undefined): boolean {
    const file = files?.[0];
    if (file === undefined) return false;
    this.set(file, file.name);
    return true;
  }
}

function on(id: string, listener: () => void): void {
  byId(id, HTMLButtonElement).addEventListener('click', listener);
}
