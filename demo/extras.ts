/**
 * What pictures are drawn with beside the model: LoRAs, each as strong as is wanted, embeddings, and another VAE.
 */

import type { AdjunctEntry, EntryName } from '../src/index.ts';
import { byId, fromTemplate, pairSlider, within } from './dom.ts';

/** The request's fields that are chosen here. */
export const EXTRA_FIELDS = ['lora_model', 'lora_strength', 'embeddings_model', 'vae'] as const;

/** What is chosen, as the request has it: names and strengths with commas between. */
export type ExtraFields = Readonly<Partial<Record<(typeof EXTRA_FIELDS)[number], string>>>;

/** A LoRA with its strength, or an embedding. */
type Row = {
  readonly entry: AdjunctEntry;
  readonly element: HTMLElement;
  readonly box: HTMLInputElement;
  readonly strength: HTMLInputElement;
};

/** See the file's header. */
export class Extras {
  readonly #vae = byId('vae', HTMLSelectElement);
  #entries: readonly AdjunctEntry[] = [];
  #rows: readonly Row[] = [];

  /** Offers entries; of what was chosen, that stays chosen which is among them. */
  offer(entries: readonly AdjunctEntry[]): void {
    const { fields } = this;
    this.#entries = entries;
    this.#rows = entries.filter(({ kind }) => kind === 'lora' || kind === 'embedding').map(rowOf);
    for (const kind of ['lora', 'embedding'] as const) {
      const rows = this.#rows.filter(({ entry }) => entry.kind === kind);
      byId(`${kind}s`, HTMLElement).replaceChildren(...rows.map(({ element }) => element));
      byId(`${kind}-field`, HTMLElement).hidden = rows.length === 0;
    }
    const vaes = entries.filter(({ kind }) => kind === 'vae');
    this.#vae.replaceChildren(
      new Option('The model’s own', ''),
      ...vaes.map(({ id, name }) => new Option(name, id)),
    );
    byId('vae-field', HTMLElement).hidden = vaes.length === 0;
    this.fields = fields;
  }

  /** What is chosen. */
  get fields(): ExtraFields {
    const chosen = this.#rows.filter(({ box }) => box.checked);
    const loras = chosen.filter(({ entry }) => entry.kind === 'lora');
    const embeddings = chosen.filter(({ entry }) => entry.kind === 'embedding');
    return {
      ...(loras.length === 0
        ? {}
        : {
            lora_model: loras.map(({ entry }) => entry.id).join(),
            lora_strength: loras.map(({ strength }) => strength.value).join(),
          }),
      ...(embeddings.length === 0
        ? {}
        : { embeddings_model: embeddings.map(({ entry }) => entry.id).join() }),
      ...(this.#vae.value === '' ? {} : { vae: this.#vae.value }),
    };
  }

  set fields({
    lora_model = '',
    lora_strength = '',
    embeddings_model = '',
    vae = '',
  }: ExtraFields) {
    const [loras, strengths] = [lora_model.split(','), lora_strength.split(',')];
    for (const row of this.#rows) {
      const { entry, box } = row;
      const names = entry.kind === 'lora' ? loras : embeddings_model.split(',');
      const at = names.indexOf(entry.id);
      box.checked = at >= 0;
      const strength = strengths[at] ?? '';
      row.strength.value = strength === '' ? '1' : strength;
      // The slider follows.
      row.strength.dispatchEvent(new Event('input'));
    }
    this.#vae.value = vae;
    if (this.#vae.selectedIndex < 0) this.#vae.value = '';
    this.#showStrengths();
  }

  /** What people call what is chosen. */
  get names(): string[] {
    const isChosen = ({ kind, id }: AdjunctEntry): boolean => this.has({ kind, id });
    return this.#entries.filter(isChosen).map(({ name }) => name);
  }

  /** Whether something is chosen. */
  has({ kind, id }: EntryName): boolean {
    if (kind === 'vae') return this.#vae.value === id;
    return this.#rows.some(({ entry, box }) => {
      return entry.kind === kind && entry.id === id && box.checked;
    });
  }

  /** Chooses something that is offered, or leaves it. */
  choose({ kind, id }: EntryName, isWanted: boolean): void {
    if (kind === 'vae') this.fields = { ...this.fields, vae: isWanted ? id : '' };
    const row = this.#rows.find(({ entry }) => entry.kind === kind && entry.id === id);
    if (row !== undefined) row.box.checked = isWanted;
    this.#showStrengths();
  }

  #showStrengths(): void {
    for (const row of this.#rows) showStrength(row);
  }
}

function rowOf(entry: AdjunctEntry): Row {
  const element = fromTemplate('extra-template');
  const box = within(element, '[type=checkbox]', HTMLInputElement);
  const strength = within(element, '[type=number]', HTMLInputElement);
  const slider = within(element, '[type=range]', HTMLInputElement);
  const row = { entry, element, box, strength };
  box.value = entry.id;
  within(element, 'span', HTMLElement).textContent = entry.name;
  strength.value = '1';
  pairSlider(slider, strength);
  for (const input of [strength, slider]) {
    input.setAttribute('aria-label', `Strength of ${entry.name}`);
  }
  box.addEventListener('change', () => showStrength(row));
  return row;
}

/** A strength stands there while its LoRA is chosen. */
function showStrength({ entry, element, box }: Row): void {
  const isShown = entry.kind === 'lora' && box.checked;
  within(element, '.extra-strength', HTMLElement).hidden = !isShown;
}
