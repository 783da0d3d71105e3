/**
 * The settings of a request: the form's fields, which have the API's own names, so that what they hold is a request's body.
 *
 * Kept from visit to visit in the browser's storage. A model's own settings apply until they are changed.
 */

import {
  SCHEDULER_LABELS,
  type AdjunctEntry,
  type EntryName,
  type ModelEntry,
} from '../src/index.ts';
import { byId, pairSlider, within } from './dom.ts';
import { EXTRA_FIELDS, Extras } from './extras.ts';

const STORAGE_KEY = 'local-diffusion.settings';

/** Steps and guidance for a model whose entry says nothing: what the API itself assumes. */
const FALLBACK = { steps: 30, guidanceScale: 7.5, scheduler: 'UniPCMultistepScheduler' };

/** Fields that are kept; the seed only while it is locked. */
const KEPT = [
  'prompt',
  'negative_prompt',
  'model_id',
  'size',
  'upscale',
  'samples',
  'num_inference_steps',
  'guidance_scale',
  'scheduler',
  'strength',
  'seed',
] as const;

type Kept = Partial<
  Record<(typeof KEPT)[number] | (typeof EXTRA_FIELDS)[number] | 'isOpen', string>
>;

/** See the file's header. */
export class Settings {
  readonly #form = byId('request', HTMLFormElement);
  readonly #size = byId('size', HTMLSelectElement);
  readonly #extras = new Extras();
  readonly #seed = byId('seed', HTMLInputElement);
  readonly #lock = byId('lock', HTMLButtonElement);
  readonly #folder = byId('settings', HTMLDetailsElement);
  readonly #choice = byId('model_id', HTMLSelectElement);
  readonly #defaultModel: string;
  #models: readonly ModelEntry[] = [];
  #adjuncts: readonly AdjunctEntry[] = [];
  #vaes: ReadonlyMap<string, string> = new Map();
  /** Nothing is kept before what was kept is read. */
  #isRestored = false;

  constructor(
    models: readonly ModelEntry[],
    defaultModel: string,
    adjuncts: readonly AdjunctEntry[],
  ) {
    this.#defaultModel = defaultModel;
    const schedulers = Object.entries(SCHEDULER_LABELS);
    byId('scheduler', HTMLSelectElement).replaceChildren(
      ...schedulers.map(([name, { label }]) => new Option(label, name)),
    );
    for (const range of this.#form.querySelectorAll<HTMLInputElement>('[data-for]')) {
      pairSlider(range, byId(range.dataset['for'] ?? '', HTMLInputElement));
    }
    this.#fill(models, adjuncts);
    this.#suit();
    const kept = stored();
    const isKnown = models.some(({ id }) => id === kept.model_id);
    // A model that was added here is not known yet, and is offered soon.
    if (kept.model_id === undefined || isKnown) this.#restore(kept);
    this.#choice.addEventListener('change', () => this.#suit());
    byId('defaults', HTMLButtonElement).addEventListener('click', () => this.#suit());
    this.#lock.addEventListener('click', () => this.#setLocked(!this.isSeedLocked));
    // Whoever types a seed wants it to be used.
    this.#seed.addEventListener('input', () => this.#setLocked(this.#seed.value.trim() !== ''));
    this.#form.addEventListener('input', () => this.#changed());
    this.#folder.addEventListener('toggle', () => this.#changed());
  }

  /** Offers other models and what goes with them; a model that is not among them gives way to the default one. */
  offer(models: readonly ModelEntry[], adjuncts: readonly AdjunctEntry[]): void {
    const before = this.model.id;
    this.#fill(models, adjuncts);
    if (!this.#isRestored) this.#restore(stored());
    else if (this.model.id !== before) this.#suit();
  }

  /** VAEs that models had better be decoded with on this machine, by the models' ids. */
  preferVaes(vaes: ReadonlyMap<string, string>): void {
    this.#vaes = vaes;
  }

  /** Whether the next picture is drawn with something. */
  isChosen(name: EntryName): boolean {
    return name.kind === 'model' ? this.model.id === name.id : this.#extras.has(name);
  }

  /** Draws the next pictures with something that is offered, or without it. */
  choose(name: EntryName, isWanted: boolean): void {
    if (name.kind === 'model') {
      this.#set('model_id', isWanted ? name.id : this.#defaultModel);
      this.#suit();
    } else {
      this.#extras.choose(name, isWanted);
      this.#changed();
    }
  }

  /** The model that is chosen. */
  get model(): ModelEntry {
    const id = this.#get('model_id');
    const model = this.#models.find((entry) => entry.id === id) ?? this.#models[0];
    if (model === undefined) throw new Error('the list of models is empty');
    return model;
  }

  /** Whether the next picture is to be drawn from the seed that stands there. */
  get isSeedLocked(): boolean {
    return this.#lock.getAttribute('aria-pressed') === 'true';
  }

  /** The prompt. */
  get prompt(): string {
    return this.#get('prompt');
  }

  set prompt(text: string) {
    this.#set('prompt', text);
    this.#changed();
  }

  /** How many steps are asked for; 1 where it is no number. */
  get steps(): number {
    return Math.max(1, Math.trunc(Number(this.#get('num_inference_steps'))) || 1);
  }

  /** How many pictures are asked for. */
  get samples(): number {
    return Number(this.#get('samples'));
  }

  /** Width and height in pixels. */
  get size(): { width: number; height: number } {
    const [width = 0, height = 0] = this.#size.value.split('x').map(Number);
    return { width, height };
  }

  /** The body of a request, without an image to start from. */
  body(): Record<string, unknown> {
    const fields = [...new FormData(this.#form)].filter(([name]) => name !== 'strength');
    const seed = this.isSeedLocked ? this.#seed.value : null;
    // Not a setting of this page: what it would be told is that nothing was checked.
    // What is drawn is what was written: the API would add words of its own.
    const own = { ...this.size, seed, safety_checker: 'no', enhance_prompt: 'no' };
    return { ...Object.fromEntries(fields), ...this.#extras.fields, ...own };
  }

  /** How much a drawing may depart from the image that it starts from. */
  get strength(): string {
    return this.#get('strength');
  }

  /** Puts a seed into its field, and keeps it for the next picture if told so. */
  showSeed(seed: number, { isKept }: { isKept: boolean }): void {
    this.#seed.value = String(seed);
    this.#setLocked(isKept);
    this.#changed();
  }

  #fill(models: readonly ModelEntry[], adjuncts: readonly AdjunctEntry[]): void {
    const { value } = this.#choice;
    this.#models = models;
    this.#adjuncts = adjuncts;
    this.#choice.replaceChildren(...models.map(({ id, name }) => new Option(name, id)));
    this.#set('model_id', this.#defaultModel);
    this.#set('model_id', value);
    this.#fillExtras();
  }

  /** What goes with models of another family than the chosen one's does not go with it. */
  #fillExtras(): void {
    const { family } = this.model;
    this.#extras.offer(
      this.#adjuncts.filter((entry) => {
        return family === undefined || entry.family === undefined || entry.family === family;
      }),
    );
  }

  /** Sets everything that the model has an opinion on. */
  #suit(): void {
    const { model } = this;
    const { steps, guidanceScale, scheduler } = { ...FALLBACK, ...model.defaults };
    const { nativeSize } = model;
    this.#size.replaceChildren(...sizesOf(model).map(([label, value]) => new Option(label, value)));
    this.#size.value = `${nativeSize}x${nativeSize}`;
    this.#set('num_inference_steps', String(steps));
    this.#set('guidance_scale', String(guidanceScale));
    this.#set('scheduler', scheduler);
    this.#set('upscale', '1');
    this.#set('samples', '1');
    this.#fillExtras();
    const vae = this.#vaes.get(model.id);
    this.#extras.fields = vae === undefined ? {} : { vae };
    byId('model-description', HTMLElement).textContent = model.description ?? '';
    this.#changed();
  }

  #setLocked(isLocked: boolean): void {
    this.#lock.setAttribute('aria-pressed', String(isLocked));
    const icon = within(this.#lock, 'use', SVGUseElement);
    icon.setAttribute('href', isLocked ? '#i-locked' : '#i-unlocked');
    this.#lock.title = isLocked ? 'The seed is kept' : 'Every picture has a new seed';
    this.#seed.classList.toggle('is-past', !isLocked);
    this.#changed();
  }

  #changed(): void {
    const { width, height } = this.size;
    const scheduler = byId('scheduler', HTMLSelectElement).selectedOptions[0]?.text ?? '';
    const steps = this.#get('num_inference_steps');
    const { fields, names } = this.#extras;
    const times = Number(this.#get('upscale'));
    const larger = times > 1 ? `, then ${width * times} × ${height * times}` : '';
    const facts = [`${width} × ${height}${larger}`, `${steps} steps`, scheduler, ...names];
    byId('recap', HTMLElement).textContent = facts.join(' · ');
    if (!this.#isRestored) return;
    const kept: Kept = { isOpen: String(this.#folder.open), ...fields };
    for (const name of KEPT) kept[name] = this.#get(name);
    if (!this.isSeedLocked) delete kept.seed;
    store(kept);
  }

  #restore(kept: Kept): void {
    const wide = matchMedia('(min-width: 60rem)').matches;
    this.#folder.open = kept.isOpen === undefined ? wide : kept.isOpen === 'true';
    // The model first, for its sizes.
    if (kept.model_id !== undefined) {
      this.#set('model_id', kept.model_id);
      this.#suit();
    }
    for (const name of KEPT) {
      const value = kept[name];
      if (value !== undefined) this.#set(name, value);
    }
    this.#extras.fields = kept;
    this.#isRestored = true;
    this.#setLocked(kept.seed !== undefined);
  }

  #get(name: string): string {
    if (name === 'size') return this.#size.value;
    const value = new FormData(this.#form).get(name);
    return typeof value === 'string' ? value : '';
  }

  /** A choice that does not have the value stays as it is. */
  #set(name: string, value: string): void {
    const control = name === 'size' ? this.#size : this.#form.elements.namedItem(name);
    if (control instanceof HTMLSelectElement) {
      if ([...control.options].some((option) => option.value === value)) control.value = value;
    } else if (
      control instanceof HTMLInputElement ||
      control instanceof HTMLTextAreaElement ||
      control instanceof RadioNodeList
    ) {
      control.value = value;
      const range = document.querySelector<HTMLInputElement>(`[data-for="${name}"]`);
      if (range !== null) range.value = value;
    }
  }
}

/** Sizes to offer, as label and value: a model that draws at one size alone has its pictures enlarged. */
function sizesOf({ nativeSize: n, isNativeOnly = false }: ModelEntry): [string, string][] {
  const short = Math.round((n * 2) / 3 / 64) * 64;
  const enlarged = [1, 2, 4, 8, 16].map((scale) => [n * scale, n * scale] as const);
  const sizes = isNativeOnly
    ? enlarged.filter(([side]) => side <= 1024)
    : ([
        [n, n],
        [short, n],
        [n, short],
      ] as const);
  return sizes.map(([width, height]) => [`${width} × ${height}`, `${width}x${height}`]);
}

function stored(): Kept {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    const entries = Object.entries(value ?? {}).filter(([, text]) => typeof text === 'string');
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

function store(kept: Kept): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing for this page: the settings last as long as the visit.
  }
}
