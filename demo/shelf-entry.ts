/**
 * One entry on the shelf, as a card: what it is, what it costs, how it would run here, and what can be done with it.
 */

import type { EntryProgress } from '../src/index.ts';
import { fromTemplate, within } from './dom.ts';
import { sentence } from './field-errors.ts';
import { bytesText } from './progress-text.ts';
import { isEstimateToBlame, nextStep, type ShelfItem, type Step } from './shelf-data.ts';
import type { Failure } from './shelf-downloads.ts';
import { costTexts, kindText, STEPS, transferText, VERDICTS } from './shelf-words.ts';

/** What a person can do with an entry. */
export type EntryActions = {
  readonly take: (step: Step) => void;
  /** Deletes its files, or takes it off the list. */
  readonly remove: () => void;
  readonly keepCopy: () => void;
  readonly setToken: (host: string, token: string) => void;
  /** Shows another entry. */
  readonly show: (id: string) => void;
  /** Lets the person say how much memory there is. */
  readonly tellMemory: () => void;
};

/** What an entry shows. */
export type EntryView = {
  readonly item: ShelfItem;
  /** How far its download is; undefined: none is under way. */
  readonly progress: EntryProgress | undefined;
  readonly failure: Failure | undefined;
  /** Whether this machine is still being checked. */
  readonly isChecking: boolean;
  /** Name of the entry that would do instead. */
  readonly instead: string | undefined;
  /** Whether this machine's memory was told; otherwise it is an estimate. */
  readonly isMemoryKnown: boolean;
};

/** See the file's header. */
export class ShelfEntry {
  readonly element = fromTemplate('entry-template');
  readonly #main = this.#part('.entry-main', HTMLButtonElement);
  readonly #delete = this.#part('.entry-delete', HTMLButtonElement);
  readonly #actions: EntryActions;
  #view: EntryView | undefined;
  #isSure = false;

  constructor(actions: EntryActions) {
    this.#actions = actions;
    this.#main.addEventListener('click', () => {
      const step = this.#step();
      if (step !== undefined) actions.take(step);
    });
    this.#part('.entry-keep', HTMLButtonElement).addEventListener('click', actions.keepCopy);
    this.#part('.entry-memory', HTMLButtonElement).addEventListener('click', actions.tellMemory);
    this.#part('.entry-instead', HTMLButtonElement).addEventListener('click', () => {
      const id = this.#view?.item.verdict?.instead;
      if (id !== undefined) actions.show(id);
    });
    this.#delete.addEventListener('click', () => this.#remove());
    this.#delete.addEventListener('blur', () => this.#setSure(false));
    this.#part('.entry-token', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const field = this.#part('.entry-token input', HTMLInputElement);
      const host = this.#view?.failure?.host;
      const token = field.value.trim();
      if (host === undefined || token === '') return;
      field.value = '';
      actions.setToken(host, token);
    });
  }

  /** Puts the focus on the entry's name. */
  focus(): void {
    const name = this.#part('.entry-name', HTMLElement);
    name.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'nearest' });
  }

  /** Shows an entry as it is now. */
  show(view: EntryView): void {
    this.#view = view;
    const { item, failure } = view;
    const { entry } = item;
    this.#say('.entry-name', entry.name);
    const kind = kindText(item);
    this.#say('.entry-kind', kind === entry.name ? '' : kind);
    this.#say('.entry-description', entry.description ?? '');
    this.#say('.entry-costs', costTexts(item).join(' · '));
    const words = entry.triggerWords ?? [];
    this.#say('.entry-words', words.length === 0 ? '' : `Answers to: ${words.join(', ')}`);
    this.#toggle('.entry-recommended', item.isRecommended);
    this.#toggle('.entry-chosen', item.isChosen);
    this.#toggle('.entry-unchecked', entry.isChecked !== true);
    this.#showLicence();
    this.#showVerdict();
    this.#showTransfer();
    this.#say('.entry-error', failure === undefined ? '' : sentence(failure.message));
    this.#showToken();
    this.#showActions();
  }

  #step(): Step | undefined {
    if (this.#view === undefined) return undefined;
    const { item, progress, isChecking } = this.#view;
    const step = nextStep(item, progress !== undefined);
    // Nobody should download what turns out not to fit.
    return isChecking && (step === 'download' || step === 'resume') ? undefined : step;
  }

  #showLicence(): void {
    const { licence = '', licenceUrl } = this.#view?.item.entry ?? {};
    const link = this.#part('.entry-origin a', HTMLAnchorElement);
    link.textContent = licence;
    if (licenceUrl === undefined) link.removeAttribute('href');
    else link.href = licenceUrl;
  }

  #showVerdict(): void {
    const { item, instead, isMemoryKnown = true } = this.#view ?? {};
    const { verdict } = item ?? {};
    const badge = this.#part('.entry-verdict', HTMLElement);
    badge.hidden = verdict === undefined;
    if (verdict !== undefined) {
      badge.dataset['state'] = verdict.state;
      badge.textContent = VERDICTS[verdict.state];
    }
    const needsReason = verdict !== undefined && verdict.state !== 'fits';
    this.#toggle('.entry-reason', needsReason);
    this.#say('.entry-reason span', verdict === undefined ? '' : sentence(verdict.reason));
    this.#toggle('.entry-memory', item !== undefined && isEstimateToBlame(item, isMemoryKnown));
    this.#say('.entry-instead', instead === undefined ? '' : `See ${instead} instead`);
  }

  #showTransfer(): void {
    const { progress, item } = this.#view ?? {};
    this.#toggle('.entry-transfer', progress !== undefined);
    if (progress === undefined) return;
    const { received, total } = progress;
    const bar = this.#part('[role=progressbar]', HTMLElement);
    const share = total === undefined || total === 0 ? 0 : received / total;
    bar.classList.toggle('is-waiting', share === 0);
    bar.setAttribute('aria-label', `Download of ${item?.entry.name ?? ''}`);
    bar.setAttribute('aria-valuenow', String(Math.round(share * 100)));
    bar.style.setProperty('--progress', String(share));
    this.#say('.entry-transfer-text', transferText(progress));
  }

  #showToken(): void {
    const host = this.#view?.failure?.host;
    this.#toggle('.entry-token', host !== undefined);
    if (host === undefined) return;
    const field = this.#part('.entry-token input', HTMLInputElement);
    const label = this.#part('.entry-token label', HTMLLabelElement);
    field.id ||= `token-${crypto.randomUUID()}`;
    label.htmlFor = field.id;
    label.textContent = `Access token for ${host}`;
  }

  #showActions(): void {
    const { item, failure, progress } = this.#view ?? {};
    if (item === undefined) return;
    const step = this.#step();
    const focused = document.activeElement;
    this.#main.hidden = step === undefined;
    if (step !== undefined) {
      const isAgain = failure !== undefined && (step === 'download' || step === 'resume');
      this.#main.textContent = isAgain ? 'Try again' : STEPS[step];
      this.#main.dataset['step'] = step;
      this.#main.setAttribute('aria-label', `${this.#main.textContent} ${item.entry.name}`);
    }
    const isHere = item.stored.state !== 'embedded' && item.stored.state !== 'absent';
    this.#delete.hidden = progress !== undefined || !(isHere || item.isOwn);
    this.#toggle('.entry-keep', progress === undefined && isInPlace(item));
    this.#setSure(this.#isSure && !this.#delete.hidden);
    // Whoever pressed what is gone now goes on from the entry's name.
    if (
      focused !== null &&
      this.element.contains(focused) &&
      focused.closest('[hidden]') !== null
    ) {
      this.focus();
    }
  }

  /** The first press asks, the second deletes: gigabytes take long to come back. */
  #remove(): void {
    const { stored } = this.#view?.item ?? {};
    if (!this.#isSure && (stored?.bytesHere ?? 0) > 0) {
      this.#setSure(true);
      return;
    }
    this.#setSure(false);
    this.#actions.remove();
  }

  #setSure(isSure: boolean): void {
    this.#isSure = isSure;
    const { item } = this.#view ?? {};
    if (item === undefined) return;
    const { stored, isOwn, entry } = item;
    const verb = isOwn ? 'Remove' : 'Delete';
    const amount =
      isInPlace(item) || stored.bytesHere === 0 ? '' : ` ${bytesText(stored.bytesHere)}`;
    this.#delete.textContent = isSure ? `${verb}${amount}: sure?` : verb;
    this.#delete.setAttribute('aria-label', `${this.#delete.textContent} ${entry.name}`);
  }

  /** Writes only what is new, for the reader of a screen hears what is written; nothing hides the element. */
  #say(selector: string, text: string): void {
    const element = this.#part(selector, HTMLElement);
    if (element.textContent !== text) element.textContent = text;
    element.hidden = text === '';
  }

  #toggle(selector: string, isThere: boolean): void {
    this.#part(selector, HTMLElement).hidden = !isThere;
  }

  #part<T extends Element>(selector: string, kind: new () => T): T {
    return within(this.element, selector, kind);
  }
}

/** Whether an entry's files are a person's own, read where they lie, outside of the browser's storage. */
function isInPlace({ entry }: ShelfItem): boolean {
  return entry.source.kind === 'local' && entry.source.blobs !== undefined;
}
