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
    byId('inpaint_full_res', HTMLInputElement).addEventListener('change', () => this.#showFacts());
    for (const name of ['load', 'error'] as const) {
      this.#picture.addEventListener(name, () => this.#showFacts());
    }
    this.#listen();
  }

  /** Whether a drawing starts from an image, and not from noise alone. */
  get isThere(): boolean {
    return this.#value !== undefined;
  }

  /** How a picture comes to the size that is drawn. */
  get fit(): string {
    return byId('fit', HTMLSelectElement).value;
  }

  /** The fields of a request that are about the image and its mask; none when a drawing starts from noise alone. */
  async fields(): Promise<Readonly<Record<string, unknown>>> {
    if (this.#value === undefined) return {};
    const image = { init_image: this.#value, fit: this.fit };
    const mask = this.#painted;
    if (mask === undefined) return image;
    const blur = byId('mask_blur', HTMLInputElement).value;
    const padding = byId('inpaint_full_res_padding', HTMLInputElement).value;
    return {
      ...image,
      mask_image: await maskFile(mask),
      ...(blur === '' ? {} : { mask_blur: blur }),
      ...(this.#isPart ? { inpaint_full_res: 'yes', inpaint_full_res_padding: padding } : {}),
    };
  }

  /** Shows the options that matter for a drawing of that size. */
  showOptions({ width, height }: { readonly width: number; readonly height: number }): void {
    const { naturalWidth, naturalHeight } = this.#picture;
    const isMasked = this.#painted !== undefined;
    const isSameSize = naturalWidth === width && naturalHeight === height;
    byId('image-options', HTMLElement).hidden = !this.isThere;
    byId('mask-options', HTMLElement).hidden = !isMasked;
    byId('padding-field', HTMLElement).hidden = !this.#isPart;
    // A part is put back where it was: nothing has to be fitted.
    byId('fit-field', HTMLElement).hidden = isSameSize || (isMasked && this.#isPart);
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

  /** The mask, if something is painted in it. */
  get #painted(): PaintedMask | undefined {
    return this.#mask !== undefined && this.#mask.share > 0 ? this.#mask : undefined;
  }

  /** Whether only what is around the mask is drawn. */
  get #isPart(): boolean {
    return byId('inpaint_full_res', HTMLInputElement).checked;
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
    const mask = this.#painted;
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
