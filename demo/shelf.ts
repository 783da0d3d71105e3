/**
 * The shelf of models: what is on this machine and what could be, and how each would run here.
 *
 * It asks for nothing before it is opened. Then it shows what there is at once, and how it would run as soon as this machine
 * has been checked.
 */

import type {
  EntryName,
  Judgement,
  LibraryActions,
  LibraryEntry,
  StoredEntry,
} from '../src/index.ts';
import { byId, textElement, within } from './dom.ts';
import { sentence } from './field-errors.ts';
import { ShelfAdd } from './shelf-add.ts';
import {
  byUse,
  keyOf,
  lightVaeOf,
  sectionOf,
  type Section,
  type ShelfItem,
  type Step,
} from './shelf-data.ts';
import { failureOf, ShelfDownloads } from './shelf-downloads.ts';
import { ShelfEntry } from './shelf-entry.ts';
import { ShelfKinds } from './shelf-kinds.ts';
import { ShelfStorage } from './shelf-storage.ts';
import { ShelfTokens } from './shelf-tokens.ts';
import { roomText } from './shelf-words.ts';

/** What the shelf needs of the page. */
export type ShelfPage = {
  readonly library: LibraryActions;
  /** Checks this machine, where that was not done, and tells how everything would run here. */
  readonly judge: () => Promise<Judgement>;
  /** Whether the next picture is drawn with an entry. */
  readonly isChosen: (name: EntryName) => boolean;
  /** Draws the next pictures with an entry, or without it. */
  readonly choose: (name: EntryName, isWanted: boolean) => Promise<void>;
};

const SECTIONS: readonly (readonly [Section, string])[] = [
  ['best', 'Recommended for this machine'],
  ['here', 'On this machine'],
  ['web', 'To download'],
  ['no', 'Does not fit this machine'],
];

/** Milliseconds between two looks at the downloads under way. */
const LOOK_EVERY_MS = 250;

/** See the file's header. */
export class Shelf {
  readonly #dialog = byId('shelf', HTMLDialogElement);
  readonly #page: ShelfPage;
  readonly #library: LibraryActions;
  readonly #downloads: ShelfDownloads;
  readonly #storage: ShelfStorage;
  readonly #tokens: ShelfTokens;
  readonly #add: ShelfAdd;
  readonly #kinds: ShelfKinds;
  readonly #cards = new Map<string, ShelfEntry>();
  readonly #lists = new Map<Section, HTMLElement>();
  #items: readonly ShelfItem[] = [];
  #judgement: Judgement | undefined;
  #isChecking = false;
  #looking: ReturnType<typeof setInterval> | undefined;
  /** Number of the last question of each kind: what comes late is of no use. */
  #judging = 0;
  #reading = 0;

  constructor(page: ShelfPage) {
    this.#page = page;
    this.#library = page.library;
    this.#downloads = new ShelfDownloads(page.library, () => this.#changed());
    this.#storage = new ShelfStorage(page.library);
    this.#tokens = new ShelfTokens(page.library);
    this.#kinds = new ShelfKinds(() => this.#arrange());
    this.#add = new ShelfAdd(page.library, {
      open: () => this.open(),
      added: (entries) => void this.#added(entries),
      askToken: (host) => this.#tokens.ask(host),
    });
    for (const [section, title] of SECTIONS) this.#lists.set(section, sectionElement(title));
    page.library.onChange(() => this.#changed());
    for (const id of ['open-shelf', 'more-models']) {
      byId(id, HTMLButtonElement).addEventListener('click', () => this.open());
    }
    byId('close-shelf', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', ({ target }) => {
      if (target === this.#dialog) this.#dialog.close();
    });
    // Escape closes the shelf, and not what is being drawn behind it.
    this.#dialog.addEventListener('keydown', (event) => event.stopPropagation());
  }

  /** Opens the shelf, and checks this machine for it. */
  open(): void {
    if (this.#dialog.open) return;
    this.#dialog.showModal();
    byId('shelf-title', HTMLElement).focus();
    void this.#refresh();
    if (this.#judgement === undefined) void this.judge();
  }

  /** Asks again how everything would run here; on a shelf that is closed, when it is opened. */
  async judge(): Promise<void> {
    this.#judgement = undefined;
    const turn = ++this.#judging;
    if (!this.#dialog.open) return;
    this.#tellCheck('Checking what this machine can do…');
    let news = '';
    let judgement: Judgement | undefined;
    try {
      judgement = await this.#page.judge();
    } catch (error) {
      news = `This machine could not be checked. ${sentence(failureOf(error).message)}`;
    }
    if (turn !== this.#judging) return;
    this.#judgement = judgement;
    this.#tellMachine();
    this.#tellCheck(news);
    await this.#refresh();
  }

  #changed(): void {
    const isMoving = this.#library.downloads().length > 0;
    if (isMoving) this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    else {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
    this.#look();
    void this.#refresh();
  }

  /** How far the downloads are: on the cards, and in short on the button that opens the shelf. */
  #look(): void {
    const downloads = this.#library.downloads();
    const sum = (of: 'received' | 'total'): number =>
      downloads.reduce((all, { progress }) => all + (progress[of] ?? 0), 0);
    const total = sum('total');
    const busy = byId('shelf-busy', HTMLElement);
    busy.hidden = downloads.length === 0;
    busy.textContent = total === 0 ? '…' : `${Math.floor((sum('received') / total) * 100)} %`;
    if (this.#dialog.open) for (const item of this.#items) this.#show(item);
  }

  /** Reads anew what there is, and shows it. */
  async #refresh(): Promise<void> {
    if (!this.#dialog.open) return;
    const turn = ++this.#reading;
    void this.#storage.refresh();
    await this.#library.ready();
    const stored = new Map((await this.#library.stored()).map((each) => [keyOf(each), each]));
    if (turn !== this.#reading) return;
    this.#items = this.#library.entries().flatMap((entry) => {
      const place = stored.get(keyOf(entry));
      return place === undefined ? [] : [this.#item(entry, place)];
    });
    this.#kinds.show(this.#items.map(({ kind }) => kind));
    this.#arrange();
  }

  #item(entry: LibraryEntry, stored: StoredEntry): ShelfItem {
    const { verdicts = [], recommended } = this.#judgement ?? {};
    const isModel = entry.kind === 'model';
    return {
      ...entry,
      stored,
      verdict: isModel ? verdicts.find(({ id }) => id === entry.id) : undefined,
      isRecommended: isModel && recommended === entry.id,
      isChosen: this.#page.isChosen(entry),
    };
  }

  /** Puts the cards of the chosen kind where they belong; those that stay are not touched, nor is the focus. */
  #arrange(): void {
    const focused = document.activeElement;
    const shown = this.#items.filter(({ kind }) => kind === this.#kinds.chosen).sort(byUse);
    for (const [section, element] of this.#lists) {
      const items = shown.filter((item) => sectionOf(item) === section);
      const cards = items.map((item) => this.#show(item).element);
      const list = within(element, 'ul', HTMLUListElement);
      for (const old of list.querySelectorAll(':scope > li')) {
        if (!cards.some((card) => card === old)) old.remove();
      }
      for (const [i, card] of cards.entries()) {
        if (list.children[i] !== card) list.insertBefore(card, list.children[i] ?? null);
      }
      element.hidden = cards.length === 0;
    }
    if (focused instanceof HTMLElement && document.activeElement !== focused) focused.focus();
  }

  #show(item: ShelfItem): ShelfEntry {
    const key = keyOf(item);
    const card = this.#cards.get(key) ?? this.#card(item);
    const instead = item.verdict?.instead;
    card.show({
      item,
      progress: this.#library.downloads().find((each) => keyOf(each) === key)?.progress,
      failure: this.#downloads.failure(item),
      isChecking: this.#isChecking,
      isMemoryKnown: this.#judgement?.isMemoryKnown ?? true,
      instead: this.#items.find(({ id, kind }) => kind === 'model' && id === instead)?.entry.name,
    });
    return card;
  }

  #card(item: ShelfItem): ShelfEntry {
    const { kind, id } = item;
    const name: EntryName = { kind, id };
    const card = new ShelfEntry({
      take: (step) => void this.#take(name, step),
      remove: () => void this.#remove(name),
      keepCopy: () => void this.#downloads.keepCopy(name),
      setToken: (host, token) => void this.#retry(name, host, token),
      tellMemory: () => byId('machine-memory', HTMLSelectElement).focus(),
      show: (other) => this.#cards.get(keyOf({ kind: 'model', id: other }))?.focus(),
    });
    this.#cards.set(keyOf(item), card);
    return card;
  }

  async #take(name: EntryName, step: Step): Promise<void> {
    const title = this.#title(name);
    switch (step) {
      case 'use':
      case 'leave':
        await this.#page.choose(name, step === 'use');
        if (name.kind === 'model') this.#dialog.close();
        else void this.#refresh();
        return;
      case 'download':
      case 'resume':
        this.#say(`Downloading ${title}.`);
        if (await this.#download(name)) this.#say(`${title} is on this machine now.`);
        return;
      case 'pause':
        this.#downloads.pause(name);
        this.#say(`${title} is paused.`);
        return;
      case 'unlock':
        await this.#downloads.attempt(name, () => this.#library.unlock(name));
        return;
      case 'find':
        this.#add.choose(this.#isFolder(name) ? 'folder' : 'files');
        return;
      default:
        step satisfies never;
    }
  }

  /** Downloads an entry and, before it, the small VAE that it is decoded with here. */
  async #download(name: EntryName): Promise<boolean> {
    const item = this.#items.find((each) => keyOf(each) === keyOf(name));
    const vae = item === undefined ? undefined : lightVaeOf(item);
    const [isHere] = await Promise.all([
      this.#downloads.start(name),
      vae === undefined ? true : this.#downloads.start(vae),
    ]);
    return isHere;
  }

  async #remove(name: EntryName): Promise<void> {
    const title = this.#title(name);
    const isOwn = this.#items.some((item) => keyOf(item) === keyOf(name) && item.isOwn);
    const work = (): Promise<void> =>
      isOwn ? this.#library.remove(name) : this.#library.discard(name);
    if (this.#page.isChosen(name)) await this.#page.choose(name, false);
    if (await this.#downloads.attempt(name, work)) this.#say(`${title} is deleted.`);
  }

  async #retry(name: EntryName, host: string, token: string): Promise<void> {
    const isKept = await this.#downloads.attempt(name, () => this.#library.setToken(host, token));
    void this.#tokens.refresh();
    if (isKept) await this.#take(name, 'download');
  }

  /** Shows what was added, and what of it the machine can do. */
  async #added(entries: readonly LibraryEntry[]): Promise<void> {
    const [first] = entries;
    if (first === undefined) return;
    this.#kinds.choose(first.kind);
    await this.judge();
    this.#cards.get(keyOf(first))?.focus();
    this.#say(`${entries.map(({ entry }) => entry.name).join(', ')} is on the shelf.`);
  }

  /** Whether an entry is a folder of the person's own. */
  #isFolder(name: EntryName): boolean {
    const { source } = this.#items.find((item) => keyOf(item) === keyOf(name))?.entry ?? {};
    return source?.kind === 'local' && source.file === undefined;
  }

  #title(name: EntryName): string {
    return this.#items.find((item) => keyOf(item) === keyOf(name))?.entry.name ?? name.id;
  }

  #tellMachine(): void {
    const place = byId('shelf-machine', HTMLElement);
    place.textContent = this.#judgement === undefined ? '' : roomText(this.#judgement);
  }

  #tellCheck(text: string): void {
    this.#isChecking = text !== '' && this.#judgement === undefined;
    const place = byId('shelf-check', HTMLElement);
    place.textContent = text;
    place.hidden = text === '';
  }

  #say(text: string): void {
    byId('shelf-status', HTMLElement).textContent = text;
  }
}

/** A part of the shelf with its heading. */
function sectionElement(title: string): HTMLElement {
  const section = document.createElement('section');
  const list = document.createElement('ul');
  list.className = 'entries';
  section.append(textElement('h3', title), list);
  byId('shelf-sections', HTMLElement).append(section);
  return section;
}
