/**
 * The image that a drawing starts from: chosen, dropped anywhere on the page, pasted, or given by its address; and the mask
 * that says which part of it is drawn anew.
 *
 * It is not read here: the engine judges it, and its words are shown beside it.
 */

import { byId } from './dom.ts';
import { clearErrors } from './field-errors.ts';
import { MaskPainter, shareText } from './mask-painter.ts';
import { maskFile, showPaint } from './mask-pictures.ts';
import { PaintedMask } from './painted-mask.ts';

/** Pixels on the longer side of a mask: finer ones are not to be painted by hand. */
const MASK_SIDE = 1024;

/** Pixels that a mask's shorter side keeps where it can: rounded further, it would no longer have its image's shape. */
const SHORT_SIDE = 64;

/** See the file's header. */
export class StartImage {
  #value: Blob | string | undefined;
  #mask: PaintedMask | undefined;
  readonly #picture = byId('chosen-picture', HTMLImageElement);
  readonly #painter = new MaskPainter();
  readonly #changed: () => void;

  /** @param changed Called when another image, another mask or none is chosen. */
  constructor(changed: () => void) {
    this.#changed = changed;
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
    on('paint-mask', () => this.#paintMask());
    on('remove-mask', () => {
      this.#mask = undefined;
      this.#showFacts();
      byId('paint-mask', HTMLButtonElement).focus();
    });
    for (const name of ['load', 'error'] as const) {
      this.#picture.addEventListener(name, () => this.#showFacts());
    }
    this.#listen();
  }

  /** What goes into the request; undefined when a drawing starts from noise alone. */
  get value(): Blob | string | undefined {
    return this.#value;
  }

  /** The mask as a picture of the image's shape, white where it is drawn anew; undefined: there is none. */
  async mask(): Promise<Blob | undefined> {
    return this.#isMasked ? maskFile(this.#mask as PaintedMask) : undefined;
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
    clearErrors('mask_image');
    this.#mask = undefined;
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
    this.#showFacts();
  }

  /** Whether a mask is there in which something is painted. */
  get #isMasked(): boolean {
    return this.#mask !== undefined && this.#mask.share > 0;
  }

  #paintMask(): void {
    const { naturalWidth: width, naturalHeight: height, src } = this.#picture;
    const [long, short] = [Math.max(width, height), Math.min(width, height)];
    const scale = Math.min(1, Math.max(MASK_SIDE / long, SHORT_SIDE / short));
    const side = (pixels: number): number => Math.max(1, Math.round(pixels * scale));
    this.#mask ??= new PaintedMask(side(width), side(height));
    this.#painter.open(this.#mask, src, () => {
      this.#showFacts();
      byId('paint-mask', HTMLButtonElement).focus();
    });
  }

  /** Size and mask; a picture that this page cannot read shows neither. */
  #showFacts(): void {
    clearErrors('mask_image');
    const { complete, naturalWidth: width, naturalHeight: height } = this.#picture;
    const isRead = this.#value !== undefined && complete && width > 0;
    this.#picture.hidden = !isRead;
    const mask = this.#isMasked ? this.#mask : undefined;
    const facts = isRead ? [`${width} × ${height}`] : [];
    if (mask !== undefined) facts.push(shareText(mask.share));
    byId('chosen-size', HTMLElement).textContent = facts.join(' · ');
    const canvas = byId('chosen-mask', HTMLCanvasElement);
    canvas.hidden = mask === undefined;
    if (mask !== undefined) showPaint(canvas, mask);
    byId('remove-mask', HTMLElement).hidden = mask === undefined;
    const paint = byId('paint-mask', HTMLElement);
    paint.hidden = !isRead;
    paint.textContent = mask === undefined ? 'Paint a mask' : 'Change mask';
    this.#changed();
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
