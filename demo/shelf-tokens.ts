/**
 * Access tokens by host: which hosts have one, and forms to keep and to forget one. A token is never shown again.
 */

import type { LibraryActions } from '../src/index.ts';
import { byId, textElement } from './dom.ts';
import { sentence } from './field-errors.ts';
import { failureOf } from './shelf-downloads.ts';

/** See the file's header. */
export class ShelfTokens {
  readonly #library: LibraryActions;
  readonly #panel = byId('tokens', HTMLDetailsElement);
  readonly #host = byId('token-host', HTMLInputElement);
  readonly #token = byId('token', HTMLInputElement);

  constructor(library: LibraryActions) {
    this.#library = library;
    this.#panel.addEventListener('toggle', () => void this.refresh());
    byId('token-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#keep();
    });
  }

  /** Shows which hosts have one. */
  async refresh(): Promise<void> {
    const hosts = await this.#library.tokenHosts();
    byId('token-hosts', HTMLElement).replaceChildren(...hosts.map((host) => this.#row(host)));
  }

  /** Asks for the token of a host. */
  ask(host: string): void {
    this.#panel.open = true;
    this.#host.value = host;
    this.#token.focus();
  }

  async #keep(): Promise<void> {
    const token = this.#token.value.trim();
    if (token === '') {
      this.#tell('Enter the token.');
      return;
    }
    await this.#set(this.#host.value.trim(), token);
  }

  async #set(host: string, token: string | null): Promise<void> {
    try {
      await this.#library.setToken(host, token);
      this.#token.value = '';
      this.#tell('');
    } catch (error) {
      this.#tell(sentence(failureOf(error).message));
    }
    await this.refresh();
  }

  #row(host: string): HTMLElement {
    const row = document.createElement('li');
    const forget = textElement('button', 'Forget') as HTMLButtonElement;
    forget.type = 'button';
    forget.className = 'link';
    forget.setAttribute('aria-label', `Forget the token of ${host}`);
    forget.addEventListener('click', () => {
      this.#token.focus();
      void this.#set(host, null);
    });
    row.append(textElement('span', host), forget);
    return row;
  }

  #tell(text: string): void {
    const place = byId('token-error', HTMLElement);
    place.textContent = text;
    place.hidden = text === '';
  }
}
