/**
 * One drawing in the gallery: first its progress with previews, then the pictures in the same places.
 */

import { SCHEDULER_LABELS, type ClientProgress, type SuccessBody } from '../src/index.ts';
import { fromTemplate, textElement, within } from './dom.ts';
import { progressText, secondsText } from './progress-text.ts';

/** A picture that is there. */
export type Picture = { readonly url: string; readonly seed: number; readonly name: string };

/** What a person can do with a drawing. */
export type JobActions = {
  readonly cancel: () => void;
  readonly useSeed: (picture: Picture) => void;
  readonly useImage: (picture: Picture) => void;
  /** Absent: there is no ControlNet. */
  readonly useControl?: ((picture: Picture) => void) | undefined;
};

const SEEDS = 2 ** 32;

/** See the file's header. */
export class Job {
  readonly element = fromTemplate('job-template');
  readonly #prompt: string;
  readonly #actions: JobActions;
  readonly #places: readonly HTMLElement[];
  readonly #bar = within(this.element, '[role=progressbar]', HTMLElement);
  readonly #phase = within(this.element, '.job-phase', HTMLElement);

  constructor(
    prompt: string,
    size: { readonly width: number; readonly height: number },
    samples: number,
    actions: JobActions,
  ) {
    this.#prompt = prompt;
    this.#actions = actions;
    const heading = prompt.trim() === '' ? 'Without a prompt' : prompt;
    within(this.element, '.job-prompt', HTMLElement).textContent = heading;
    within(this.element, '.job-cancel', HTMLElement).addEventListener('click', actions.cancel);
    this.#places = Array.from({ length: samples }, () => fromTemplate('picture-template'));
    for (const place of this.#places) {
      shape(place, size);
      frameOf(place).append(document.createElement('canvas'));
    }
    this.element.classList.add('is-drawing');
    this.element.dataset['samples'] = String(samples);
    within(this.element, '.pictures', HTMLElement).append(...this.#places);
  }

  /** Shows how far it is. */
  tell(progress: ClientProgress): void {
    this.#phase.textContent = progressText(progress);
    this.#setProgress(progress.progress);
    for (const [i, { width, height, data }] of (progress.previews ?? []).entries()) {
      const canvas = this.#places[i]?.querySelector('canvas');
      if (!canvas) continue;
      Object.assign(canvas, { width, height });
      canvas.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
      canvas.classList.add('is-there');
    }
  }

  /** Puts the pictures in the previews' places, and gives them; `hasImage`: whether they were started from one. */
  finish(reply: SuccessBody, start: { readonly hasImage: boolean }): Picture[] {
    const { output, meta, tip, warnings = [] } = reply;
    this.element.classList.remove('is-drawing');
    within(this.element, '.job-facts', HTMLElement).textContent = facts(reply, start);
    const remarks = [...warnings, ...(tip === undefined ? [] : [tip])];
    const list = within(this.element, '.remarks', HTMLElement);
    list.append(...remarks.map((remark) => textElement('li', remark)));
    return output.map((url, i) => {
      const seed = (Number(meta['seed']) + i) % SEEDS;
      const picture = { url, seed, name: fileName(this.#prompt, seed) };
      const place = this.#places[i];
      if (place !== undefined) {
        // It may have the size of its start image, which is not the one that was chosen.
        shape(place, { width: Number(meta['W']), height: Number(meta['H']) });
        this.#fill(place, picture);
      }
      return picture;
    });
  }

  #fill(place: HTMLElement, picture: Picture): void {
    const image = new Image();
    image.src = picture.url;
    image.alt = `${this.#prompt}, seed ${picture.seed}`;
    frameOf(place).replaceChildren(image);
    within(place, '.picture-seed', HTMLElement).textContent = `Seed ${picture.seed}`;
    const { useSeed, useImage, useControl } = this.#actions;
    const control = within(place, '.use-control', HTMLElement);
    control.hidden = useControl === undefined;
    control.addEventListener('click', () => useControl?.(picture));
    within(place, '.use-seed', HTMLElement).addEventListener('click', () => useSeed(picture));
    within(place, '.use-image', HTMLElement).addEventListener('click', () => useImage(picture));
    const save = within(place, '.save', HTMLAnchorElement);
    save.href = picture.url;
    save.download = picture.name;
  }

  /** Before the first number the bar says only that something is going on. */
  #setProgress(progress: number): void {
    this.#bar.classList.toggle('is-waiting', progress === 0);
    if (progress > 0) this.#bar.setAttribute('aria-valuenow', String(Math.round(progress * 100)));
    this.#bar.style.setProperty('--progress', String(progress));
  }
}

function frameOf(place: HTMLElement): HTMLElement {
  return within(place, '.frame', HTMLElement);
}

/** Gives a picture's place its shape. */
function shape(
  place: HTMLElement,
  { width, height }: { readonly width: number; readonly height: number },
): void {
  frameOf(place).style.setProperty('--ratio', String(width / height));
}

/** How a drawing was made, as the reply says. */
function facts(
  { meta, generationTime }: SuccessBody,
  { hasImage }: { readonly hasImage: boolean },
): string {
  const scheduler = String(meta['scheduler']);
  const label = scheduler in SCHEDULER_LABELS;
  const { steps, strength } = meta;
  return [
    `${meta['W']} × ${meta['H']}${meta['upscale'] === 'no' ? '' : `, enlarged ${meta['upscale']} ×`}`,
    `${steps} ${steps === 1 ? 'step' : 'steps'}`,
    `guidance ${meta['guidance_scale']}`,
    // A ControlNet's reply has a strength without an image, too.
    ...(hasImage && typeof strength === 'number' ? [`strength ${strength}`] : []),
    label ? SCHEDULER_LABELS[scheduler as keyof typeof SCHEDULER_LABELS].label : scheduler,
    secondsText(generationTime),
  ].join(' · ');
}

/** `a-flat-cat-face-42.png`. */
function fileName(prompt: string, seed: number): string {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return `${[...words.slice(0, 8), seed].join('-')}.png`;
}
