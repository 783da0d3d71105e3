/**
 * ControlNet: a net that makes the drawing follow a picture, and the hint of that picture, shown as the net is given it.
 *
 * A hint that is made is made once, by the library, and then sent as it is: what is shown is what the net sees.
 */

import { isEngineError, type AdjunctEntry, type Client, type ModelEntry } from '../src/index.ts';
import { byId } from './dom.ts';
import { goesWith } from './family.ts';
import { clearErrors, showError } from './field-errors.ts';

/** Milliseconds without a change until the hint is made. */
const PAUSE = 150;

/** The choice of a picture that is a hint already. */
const AS_IT_IS = 'none';

/** The kind whose hint no file can hold: it is made of the picture and the mask when it is shown to the net. */
const MADE_LATE = 'inpaint';

/** What is drawn, as far as a hint depends on it. */
export type ControlledDrawing = {
  readonly model: () => ModelEntry;
  /** Fields of the request: its size and what else a hint depends on, the mask among them. */
  readonly basis: () => Promise<Readonly<Record<string, unknown>>>;
};

/** A drawing that was not begun, since its hint could not be made: why has been said beside the picture. */
export class HintRefused extends Error {}

/** See the file's header. */
export class Control {
  readonly #client: Client;
  readonly #drawing: ControlledDrawing;
  readonly #net = byId('controlnet_model', HTMLSelectElement);
  readonly #kind = byId('controlnet_type', HTMLSelectElement);
  readonly #shown = byId('hint-picture', HTMLImageElement);
  #picture: Blob | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last hint, and all that it was made of. */
  #made: { readonly key: string; readonly picture: Blob; readonly hint: Promise<Blob> } | undefined;
  #asked = 0;

  constructor(client: Client, drawing: ControlledDrawing) {
    this.#client = client;
    this.#drawing = drawing;
    this.#kind.replaceChildren(
      ...client.hintKinds.map(({ kind }) => new Option(kind.replaceAll('_', ' '), kind)),
      new Option('nothing: it is a hint already', AS_IT_IS),
    );
    this.#net.addEventListener('change', () => this.#suit());
    this.#kind.addEventListener('change', () => this.update());
    this.#listen();
    this.#suit();
  }

  /** The net that is chosen, if any. */
  get net(): AdjunctEntry | undefined {
    return this.#nets.find(({ id }) => id === this.#net.value);
  }

  /** Offers the nets that go with the model; one that does not is left. */
  #offer(): void {
    const nets = this.#nets;
    const offered = [...this.#net.options].map(({ value }) => value).join();
    if (['', ...nets.map(({ id }) => id)].join() === offered) return;
    const { value } = this.#net;
    this.#net.replaceChildren(
      new Option('None', ''),
      ...nets.map(({ id, name }) => new Option(name, id)),
    );
    this.#net.value = nets.some(({ id }) => id === value) ? value : '';
    byId('control', HTMLElement).hidden = nets.length === 0;
  }

  /** Whether there is a net to choose. */
  get isOffered(): boolean {
    return this.#nets.length > 0;
  }

  /** The picture to follow, shown under a name. */
  set(picture: Blob, name: string): void {
    this.#picture = picture;
    byId('control-name', HTMLElement).textContent = name;
    if (this.net === undefined) {
      this.#net.value = this.#nets[0]?.id ?? '';
      this.#suit();
    }
    byId('control', HTMLDetailsElement).open = true;
    this.update();
  }

  /** Follows no picture. */
  clear(): void {
    this.#picture = undefined;
    this.update();
  }

  /** Makes the hint again, soon: the picture, the net or the size has changed. */
  update(): void {
    this.#offer();
    this.#showState();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#showHint(), PAUSE);
  }

  /** The fields of a request that say how it is controlled; undefined: it is not. Throws {@link HintRefused}. */
  async fields(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { net } = this;
    if (net === undefined || this.#picture === undefined) return undefined;
    const kind = this.#kind.value;
    const isSent = kind === AS_IT_IS || kind === MADE_LATE;
    return {
      controlnet_model: net.id,
      control_image: isSent ? this.#picture : await this.#hintToSend(this.#picture),
      ...(kind === AS_IT_IS ? {} : { controlnet_type: kind }),
      auto_hint: 'no',
      controlnet_conditioning_scale: byId('controlnet_conditioning_scale', HTMLInputElement).value,
      guess_mode: byId('guess_mode', HTMLInputElement).checked ? 'yes' : 'no',
    };
  }

  get #nets(): readonly AdjunctEntry[] {
    const nets = this.#client.adjuncts.filter(({ kind }) => kind === 'controlnet');
    return nets.filter((net) => goesWith(net, this.#drawing.model()));
  }

  #listen(): void {
    const root = byId('control', HTMLElement);
    const file = byId('control-file', HTMLInputElement);
    byId('choose-control', HTMLButtonElement).addEventListener('click', () => file.click());
    byId('change-control', HTMLButtonElement).addEventListener('click', () => file.click());
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen !== undefined) this.set(chosen, chosen.name);
      file.value = '';
    });
    byId('remove-control', HTMLButtonElement).addEventListener('click', () => {
      this.clear();
      byId('choose-control', HTMLButtonElement).focus();
    });
    // What is dropped here is no start image.
    root.addEventListener('dragover', (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.add('is-over');
    });
    root.addEventListener('dragleave', () => root.classList.remove('is-over'));
    root.addEventListener('drop', (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.remove('is-over');
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped !== undefined) this.set(dropped, dropped.name);
    });
  }

  /** The hint that the net was made for. */
  #suit(): void {
    const { net } = this;
    byId('control-description', HTMLElement).textContent = net?.description ?? '';
    const known = this.#client.hintKinds.find(({ kind }) => kind === net?.hint);
    this.#kind.value = known?.kind ?? AS_IT_IS;
    this.update();
  }

  #showState(): void {
    clearErrors('control_image');
    const { net } = this;
    byId('control-recap', HTMLElement).textContent = net?.name ?? '';
    byId('control-rest', HTMLElement).hidden = net === undefined;
    const kind = this.#client.hintKinds.find((each) => each.kind === this.#kind.value);
    const by = kind?.annotator && `; by ${kind.annotator.name}, downloaded when it is first needed`;
    byId('kind-about', HTMLElement).textContent = `${kind?.about ?? ''}${by ?? ''}`;
    byId('control-drop', HTMLElement).hidden = this.#picture !== undefined;
    byId('control-chosen', HTMLElement).hidden = this.#picture === undefined;
  }

  async #showHint(): Promise<void> {
    const picture = this.#picture;
    const asked = ++this.#asked;
    if (picture === undefined || this.net === undefined) return;
    const state = byId('hint-state', HTMLElement);
    state.textContent = 'Making the hint';
    try {
      const hint = await this.#hintOf(picture);
      if (asked !== this.#asked) return;
      URL.revokeObjectURL(this.#shown.src);
      this.#shown.src = URL.createObjectURL(hint);
      this.#shown.hidden = false;
      state.textContent = 'What the net is shown';
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#shown.hidden = true;
      state.textContent = 'There is no hint';
      this.#refuse(error);
    }
  }

  async #hintToSend(picture: Blob): Promise<Blob> {
    try {
      return await this.#hintOf(picture);
    } catch (error) {
      this.#refuse(error);
      throw new HintRefused('there is no hint', { cause: error });
    }
  }

  /** What the net is given, in the size that is drawn; the same one until something changes. */
  async #hintOf(picture: Blob): Promise<Blob> {
    const kind = this.#kind.value;
    const { mask_image, ...basis } = await this.#drawing.basis();
    const isSent = kind === AS_IT_IS || kind === MADE_LATE;
    const fields = {
      ...basis,
      controlnet_model: this.#net.value,
      auto_hint: isSent ? 'no' : 'yes',
      ...(kind === AS_IT_IS ? {} : { controlnet_type: kind }),
      // A hint needs no prompt.
      guess_mode: 'yes',
    };
    const key = JSON.stringify(fields);
    const known = this.#made;
    if (known?.key === key && known.picture === picture && kind !== MADE_LATE) return known.hint;
    const images = isSent ? { control_image: picture } : { init_image: picture };
    const mask = kind === MADE_LATE ? { mask_image: mask_image ?? null } : {};
    const made = this.#client.hints({ ...fields, ...images, ...mask });
    const hint = made.then(([first = picture]) => first);
    this.#made = { key, picture, hint };
    hint.catch(() => (this.#made = undefined));
    return hint;
  }

  #refuse(error: unknown): void {
    const fields = isEngineError(error) ? error.detail['fields'] : undefined;
    // What is chosen here goes to the engine as the image that a hint is made of, under that field's name.
    const sentences = Object.values(fields ?? {})
      .flat()
      .map((each) => String(each).replace('init image', 'control image'));
    const text = error instanceof Error ? error.message : String(error);
    showError({ control_image: sentences.length > 0 ? sentences : [text] });
  }
}
