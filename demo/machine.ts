/**
 * What a person says of this machine: how much memory drawing may take.
 *
 * Browsers do not tell how much memory a GPU has; without a word the engine assumes something careful. Kept from visit to
 * visit.
 */

import type { EngineOptions } from '../src/index.ts';
import { byId } from './dom.ts';

const STORAGE_KEY = 'local-diffusion.memory';

const GIGABYTES = [2, 4, 8, 12, 16, 24];

/** See the file's header. */
export class Machine {
  readonly #memory = byId('machine-memory', HTMLSelectElement);
  #changed = (): void => undefined;

  constructor() {
    this.#memory.append(
      new Option('As the browser tells', ''),
      ...GIGABYTES.map((amount) => new Option(`${amount} GB`, String(amount))),
    );
    const kept = stored();
    if ([...this.#memory.options].some(({ value }) => value === kept)) this.#memory.value = kept;
    this.#memory.addEventListener('change', () => {
      store(this.#memory.value);
      this.#changed();
    });
  }

  /** What the engine is to start with. */
  get options(): Pick<EngineOptions, 'memoryBytes'> {
    const { value } = this.#memory;
    return value === '' ? {} : { memoryBytes: Number(value) * 2 ** 30 };
  }

  /** Hears when a person says something else. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }
}

function stored(): string {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? '';
  } catch {
    return '';
  }
}

function store(value: string): void {
  try {
    localStorage.setItem(STORAGE_KEY, value);
  } catch {
    // A browser that keeps nothing for this page: it lasts as long as the visit.
  }
}
