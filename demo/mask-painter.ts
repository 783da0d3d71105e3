/**
 * The dialog in which a mask is painted over a picture: with mouse, pen, fingers or keys.
 */

import { byId, within } from './dom.ts';
import { brightnessOf, showPaint } from './mask-pictures.ts';
import type { PaintedMask, Place } from './painted-mask.ts';

/** A brush's size in parts of the picture's longer side: when a picture is opened, and at most. */
const FIRST_SIZE = 1 / 6;
const LARGEST_SIZE = 1 / 2;

/** By how much a key makes the brush larger or smaller. */
const SIZE_STEP = 1.25;

const MOVES: Readonly<Record<string, Place>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** See the file's header. */
export class MaskPainter {
  readonly #dialog = byId('mask-dialog', HTMLDialogElement);
  readonly #sheet = byId('mask-sheet', HTMLElement);
  readonly #canvas = byId('mask-canvas', HTMLCanvasElement);
  readonly #size = byId('mask-size', HTMLInputElement);
  readonly #eraser = byId('mask-erase', HTMLInputElement);
  #mask: PaintedMask | undefined;
  /** Where the brush is, in pixels of the mask. */
  #cursor: Place = { x: 0, y: 0 };
  /** Whether the brush touches the picture, and who holds it. */
  #held: 'pointer' | 'key' | undefined;
  #changed = (): void => undefined;
  #frame: number | undefined;

  constructor() {
    const board = byId('mask-board', HTMLElement);
    this.#listenToPointers();
    board.addEventListener('keydown', (event) => this.#key(event));
    board.addEventListener('keyup', ({ key }) => {
      if (key === ' ' && this.#held === 'key') this.#lift();
    });
    board.addEventListener('blur', () => this.#lift());
    this.#dialog.addEventListener('keydown', (event) => {
      // Keys of the page mean nothing here.
      event.stopPropagation();
      this.#shortcut(event);
    });
    this.#dialog.addEventListener('close', () => {
      this.#lift();
      this.#changed();
    });
    this.#size.addEventListener('input', () => this.#showBrush());
    for (const name of ['undo', 'redo', 'invert', 'clear'] as const) {
      byId(`mask-${name}`, HTMLButtonElement).addEventListener('click', () => this.#do(name));
    }
    const file = byId('mask-file', HTMLInputElement);
    byId('mask-load', HTMLButtonElement).addEventListener('click', () => file.click());
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen !== undefined) void this.#load(chosen);
      file.value = '';
    });
    for (const id of ['mask-close', 'mask-done']) {
      byId(id, HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    }
  }

  /** Paints a mask over the picture at an address; `changed` is called when the dialog is closed. */
  open(mask: PaintedMask, picture: string, changed: () => void): void {
    const { width, height } = mask;
    const side = Math.max(width, height);
    this.#mask = mask;
    this.#changed = changed;
    this.#cursor = { x: width / 2, y: height / 2 };
    within(this.#sheet, 'img', HTMLImageElement).src = picture;
    this.#sheet.style.setProperty('--ratio', String(width / height));
    this.#size.max = String(Math.max(2, Math.round(side * LARGEST_SIZE)));
    this.#size.value = String(Math.max(1, Math.round(side * FIRST_SIZE)));
    this.#error('');
    this.#show();
    this.#dialog.showModal();
    byId('mask-board', HTMLElement).focus();
  }

  /** The brush's diameter in pixels of the mask. */
  get #diameter(): number {
    return Number(this.#size.value);
  }

  #listenToPointers(): void {
    const sheet = this.#sheet;
    sheet.addEventListener('pointerdown', (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      sheet.setPointerCapture(event.pointerId);
      this.#cursor = this.#placeOf(event);
      this.#lower('pointer');
    });
    sheet.addEventListener('pointermove', (event) => {
      if (!event.isPrimary || this.#held === 'key') return;
      // A browser hands on what it has gathered since the last frame.
      const places = event.getCoalescedEvents().map((each) => this.#placeOf(each));
      for (const place of [...places, this.#placeOf(event)]) this.#moveTo(place);
    });
    for (const name of ['pointerup', 'pointercancel'] as const) {
      sheet.addEventListener(name, () => {
        if (this.#held === 'pointer') this.#lift();
      });
    }
  }

  #placeOf({ clientX, clientY }: MouseEvent): Place {
    const { left, top, width, height } = this.#sheet.getBoundingClientRect();
    const { width: columns, height: rows } = this.#canvas;
    return { x: ((clientX - left) / width) * columns, y: ((clientY - top) / height) * rows };
  }

  #key(event: KeyboardEvent): void {
    const move = MOVES[event.key];
    if (move !== undefined) {
      const step = event.shiftKey ? 1 : Math.max(1, this.#diameter / 4);
      const { width, height } = this.#canvas;
      const along = (at: number, by: number, most: number): number =>
        Math.min(most, Math.max(0, at + by * step));
      this.#moveTo({
        x: along(this.#cursor.x, move.x, width),
        y: along(this.#cursor.y, move.y, height),
      });
    } else if (event.key === ' ') {
      if (this.#held === undefined) this.#lower('key');
    } else return;
    event.preventDefault();
  }

  /** Keys that work anywhere in the dialog. */
  #shortcut(event: KeyboardEvent): void {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    const letter = key.toLowerCase();
    if (ctrlKey || metaKey) {
      if (letter === 'y' || (letter === 'z' && shiftKey)) this.#do('redo');
      else if (letter === 'z') this.#do('undo');
      else return;
    } else if (letter === 'e' && !altKey) {
      byId(this.#eraser.checked ? 'mask-brush' : 'mask-erase', HTMLInputElement).checked = true;
    } else if (key === '[' || key === ']') {
      const factor = key === '[' ? 1 / SIZE_STEP : SIZE_STEP;
      const wanted = Math.round(this.#diameter * factor);
      const least = this.#diameter + (key === '[' ? -1 : 1);
      this.#size.value = String(key === '[' ? Math.min(wanted, least) : Math.max(wanted, least));
      this.#showBrush();
    } else return;
    event.preventDefault();
  }

  #do(what: 'undo' | 'redo' | 'invert' | 'clear'): void {
    this.#lift();
    this.#mask?.[what]();
    this.#show();
  }

  async #load(file: File): Promise<void> {
    const mask = this.#mask;
    if (mask === undefined) return;
    try {
      mask.replace(await brightnessOf(file, mask));
      this.#error('');
    } catch (error) {
      const isShape = error instanceof RangeError;
      const reason = isShape ? error.message : 'is not an image that this browser can read';
      this.#error(`${file.name} ${reason}.`);
    }
    this.#show();
  }

  #error(text: string): void {
    const place = byId('mask-error', HTMLElement);
    place.textContent = text;
    place.hidden = text === '';
  }

  #lower(by: 'pointer' | 'key'): void {
    this.#held = by;
    this.#mask?.begin();
    this.#paint(this.#cursor);
  }

  #lift(): void {
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#show();
  }

  #moveTo(place: Place): void {
    if (this.#held !== undefined) this.#paint(place);
    this.#cursor = place;
    this.#showBrush();
  }

  #paint(to: Place): void {
    const stroke = { from: this.#cursor, to, radius: this.#diameter / 2 };
    this.#mask?.stroke({ ...stroke, erases: this.#eraser.checked });
    // At most once a frame.
    if (this.#frame !== undefined) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#mask !== undefined) showPaint(this.#canvas, this.#mask);
    });
  }

  #showBrush(): void {
    const { width, height } = this.#canvas;
    const { style } = byId('mask-cursor', HTMLElement);
    style.setProperty('--x', String(this.#cursor.x / width));
    style.setProperty('--y', String(this.#cursor.y / height));
    style.setProperty('--size', String(this.#diameter / width));
  }

  #show(): void {
    const mask = this.#mask;
    if (mask === undefined) return;
    showPaint(this.#canvas, mask);
    this.#showBrush();
    // Not disabled: the focus would be lost.
    byId('mask-undo', HTMLButtonElement).setAttribute('aria-disabled', String(!mask.canUndo));
    byId('mask-redo', HTMLButtonElement).setAttribute('aria-disabled', String(!mask.canRedo));
    byId('mask-share', HTMLElement).textContent = shareText(mask.share);
  }
}

/** How much of a picture a mask has drawn anew. */
export function shareText(share: number): string {
  if (share === 0) return 'Nothing is painted yet';
  const percent = share < 0.01 ? 'Less than 1' : `${Math.round(share * 100)}`;
  return `${percent} % is drawn anew`;
}
