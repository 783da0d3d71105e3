/**
 * A mask as it is painted: which pixels of a picture are drawn anew, with everything that was done to it, to take back.
 */

/** A place in pixels from the picture's corner; pixel i reaches from i to i + 1. */
export type Place = { readonly x: number; readonly y: number };

/** What a brush does between two places. */
export type Stroke = {
  readonly from: Place;
  readonly to: Place;
  /** In pixels; a pixel is reached when its centre lies no further from the line. */
  readonly radius: number;
  /** Whether it takes paint away. */
  readonly erases: boolean;
};

/** States that can be taken back. */
const MOST_PAST = 40;

/** See the file's header. */
export class PaintedMask {
  readonly width: number;
  readonly height: number;
  #data: Uint8Array;
  #past: Uint8Array[] = [];
  #future: Uint8Array[] = [];

  /** Nothing is painted. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#data = new Uint8Array(width * height);
  }

  /** A byte for each pixel, rows from the top: 255 is drawn anew, 0 stays. Not to be written to. */
  get data(): Uint8Array {
    return this.#data;
  }

  /** The part of the picture that is painted, 0 to 1. */
  get share(): number {
    return this.#data.reduce((sum, value) => sum + value, 0) / 255 / this.#data.length;
  }

  /** Whether there is something to take back. */
  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  /** Whether there is something that was taken back. */
  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** Notes the state that the next {@link undo} brings back: before a stroke of many parts. */
  begin(): void {
    this.#past = [...this.#past.slice(1 - MOST_PAST), this.#data.slice()];
    this.#future = [];
  }

  /** Paints, or erases, along a line; part of what was begun last. */
  stroke({ from, to, radius, erases }: Stroke): void {
    const { width, height } = this;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy;
    const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
    const left = clamp(Math.floor(Math.min(from.x, to.x) - radius), width);
    const right = clamp(Math.ceil(Math.max(from.x, to.x) + radius), width);
    const top = clamp(Math.floor(Math.min(from.y, to.y) - radius), height);
    const bottom = clamp(Math.ceil(Math.max(from.y, to.y) + radius), height);
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
        // How far along the line the nearest place is.
        const t = length === 0 ? 0 : clamp((px * dx + py * dy) / length, 1);
        if ((px - t * dx) ** 2 + (py - t * dy) ** 2 > radius * radius) continue;
        this.#data[y * width + x] = erases ? 0 : 255;
      }
    }
  }

  /** Paints what is not painted, and the reverse. */
  invert(): void {
    this.replace(this.#data.map((value) => 255 - value));
  }

  /** Takes all paint away. */
  clear(): void {
    this.replace(new Uint8Array(this.#data.length));
  }

  /** Puts another mask of the same size in its place: painted is what is at least half white. */
  replace(brightness: Uint8Array): void {
    this.begin();
    this.#data = brightness.map((value) => (value >= 128 ? 255 : 0));
  }

  /** Takes the last change back. */
  undo(): void {
    this.#move(this.#past, this.#future);
  }

  /** Does again what was taken back. */
  redo(): void {
    this.#move(this.#future, this.#past);
  }

  #move(from: Uint8Array[], to: Uint8Array[]): void {
    const state = from.pop();
    if (state === undefined) return;
    to.push(this.#data);
    this.#data = state;
  }
}
