/**
 * Reads the JSON files beside a checkpoint's weights: a network's config.json, a scheduler_config.json.
 *
 * A config is read once, with the libraries' own defaults; a value that asks for something that does
 * not exist here is refused by name rather than ignored.
 */

import { EngineError } from '../errors.ts';

/** A parsed config.json. */
export type JsonConfig = Readonly<Record<string, unknown>>;

/** Reads typed fields of a config.json, and refuses what is not supported. */
export class ConfigReader {
  /** What is being read, for messages. */
  readonly what: string;
  readonly config: JsonConfig;

  constructor(what: string, config: JsonConfig) {
    this.what = what;
    this.config = config;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return (this.config[name] ?? undefined) !== undefined;
  }

  /** A number; `fallback` when absent or null. */
  number(name: string, fallback?: number): number {
    const value = this.config[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#wrong(name, 'a number');
    return value;
  }

  /** A number, or undefined when absent or null. */
  optionalNumber(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined;
  }

  /** A list of numbers. */
  numbers(name: string): number[] {
    const value = this.config[name];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) {
      throw this.#wrong(name, 'a list of numbers');
    }
    return value;
  }

  /** A number for every one of `count` blocks, given as one number for all or as a list. */
  perBlock(name: string, count: number, fallback?: number): number[] {
    const value = this.config[name] ?? fallback;
    const list = typeof value === 'number' ? Array<number>(count).fill(value) : value;
    if (
      !Array.isArray(list) ||
      list.length !== count ||
      !list.every((item) => typeof item === 'number')
    ) {
      throw this.#wrong(name, `a number or a list of ${count} numbers`);
    }
    return list;
  }

  /** A truth value. */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.config[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  /** One of a closed set of words; another word is refused as `unsupported`. */
  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.config[name] ?? fallback;
    if (typeof value !== 'string') throw this.#wrong(name, `one of ${choices.join(', ')}`);
    return this.#chosen(name, value, choices);
  }

  /** A list of words from a closed set; another word is refused as `unsupported`. */
  choices<T extends string>(name: string, choices: readonly T[]): T[] {
    const value = this.config[name];
    if (!Array.isArray(value)) throw this.#wrong(name, `a list of ${choices.join(', ')}`);
    return value.map((item) => this.#chosen(name, item, choices));
  }

  /** Throws EngineError `unsupported` unless the field is absent or has one of these values. */
  only(name: string, ...allowed: readonly unknown[]): void {
    const value = this.config[name];
    if (value === undefined || allowed.some((item) => item === value)) return;
    throw this.#unsupported(name, value, allowed);
  }

  #chosen<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.#unsupported(name, value, choices);
    return found;
  }

  #unsupported(name: string, value: unknown, allowed: readonly unknown[]): EngineError {
    const words = allowed.map((item) => JSON.stringify(item)).join(' or ');
    return new EngineError(
      'unsupported',
      `${this.what}: ${name} = ${JSON.stringify(value)} is not supported, only ${words}`,
      { detail: { field: name, value } },
    );
  }

  #wrong(name: string, expected: string): EngineError {
    const value = JSON.stringify(this.config[name]);
    return new EngineError(
      'model-malformed',
      `${this.what}: ${name} must be ${expected}, got ${value}`,
      {
        detail: { field: name },
      },
    );
  }
}
