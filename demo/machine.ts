/**
 * What a person says of this machine: how much memory drawing may take, and how finely weights are kept.
 *
 * Browsers do not tell how much memory a GPU has; without a word the engine assumes something careful. Kept from visit to
 * visit.
 */

import type { EngineOptions } from '../src/index.ts';
import { byId } from './dom.ts';

const GIGABYTES = [2, 4, 6, 8, 12, 16, 24, 32, 48, 80];

/** Choices of bits, by what the list calls them. */
const BITS: Readonly<Record<string, NonNullable<EngineOptions['weightBits']>>> = {
  auto: 'auto',
  16: 16,
  8: 8,
  4: 4,
};

/** See the file's header. */
export class Machine {
  readonly #memory = byId('machine-memory', HTMLSelectElement);
  readonly #bits = byId('machine-bits', HTMLSelectElement);
  #changed = (): void => undefined;

  constructor() {
    this.#memory.append(
      new Option('Not known: estimate it', ''),
      ...GIGABYTES.map((amount) => new Option(`${amount} GB`, String(amount))),
    );
    this.#keep(this.#memory, 'local-diffusion.memory');
    this.#keep(this.#bits, 'local-diffusion.weight-bits');
  }

  /** What the engine is to start with. */
  get options(): Pick<EngineOptions, 'memoryBytes' | 'weightBits'> {
    const { value } = this.#memory;
    const memory = value === '' ? {} : { memoryBytes: Number(value) * 1e9 };
    return { ...memory, weightBits: BITS[this.#bits.value] };
  }

  /** Hears when a person says something else. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  /** Chooses what was chosen on the last visit, and remembers what is chosen on this one. */
  #keep(list: HTMLSelectElement, key: string): void {
    const kept = stored(key);
    if ([...list.options].some(({ value }) => value === kept)) list.value = kept;
    list.addEventListener('change', () => {
      store(key, list.value);
      this.#changed();
    });
  }
}

function stored(key: string): string {
  try {
    return localStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing for this page: it lasts as long as the visit.
  }
}
