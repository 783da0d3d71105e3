/**
 * Which kind of thing the shelf shows: models, LoRAs and so on, of those that there are.
 */

import type { EntryKind } from '../src/index.ts';
import { byId, textElement } from './dom.ts';
import { PLURALS } from './shelf-words.ts';

/** See the file's header. */
export class ShelfKinds {
  readonly #place = byId('shelf-kinds', HTMLElement);
  readonly #changed: () => void;
  readonly #inputs = new Map<EntryKind, HTMLInputElement>();
  #chosen: EntryKind = 'model';

  /** @param changed Is told when a person has chosen another kind. */
  constructor(changed: () => void) {
    this.#changed = changed;
    for (const [kind, label] of Object.entries(PLURALS) as [EntryKind, string][]) {
      this.#place.append(this.#option(kind, label));
    }
  }

  /** The kind that is shown. */
  get chosen(): EntryKind {
    return this.#chosen;
  }

  /** Shows a kind. */
  choose(kind: EntryKind): void {
    this.#chosen = kind;
    const input = this.#inputs.get(kind);
    if (input !== undefined) input.checked = true;
    this.#changed();
  }

  /** Offers the kinds that there are. */
  show(kinds: readonly EntryKind[]): void {
    for (const [kind, input] of this.#inputs) {
      const label = input.closest('label');
      if (label !== null) label.hidden = kind !== 'model' && !kinds.includes(kind);
    }
    if (!kinds.includes(this.#chosen) && this.#chosen !== 'model') this.choose('model');
  }

  #option(kind: EntryKind, text: string): HTMLElement {
    const label = document.createElement('label');
    const input = document.createElement('input');
    input.type = 'radio';
    input.name = 'shelf-kind';
    input.value = kind;
    input.checked = kind === this.#chosen;
    input.addEventListener('change', () => this.choose(kind));
    this.#inputs.set(kind, input);
    label.append(input, textElement('span', text));
    return label;
  }
}
