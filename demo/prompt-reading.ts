/**
 * How a prompt is read, shown below it while it is written: tokens, weights, parts, edits, LoRAs, and what may be meant otherwise.
 */

import {
  isEngineError,
  type Client,
  type ModelEntry,
  type PromptDescription,
  type StageDescription,
} from '../src/index.ts';
import { goesWith } from './family.ts';
import { byId, textElement, within } from './dom.ts';
import {
  embeddingRemarks,
  excerpt,
  heldTexts,
  tokensText,
  weightText,
  type Remark,
} from './prompt-words.ts';

/** Milliseconds without a key until a prompt is read. */
const PAUSE = 200;

/** What a prompt is read for. */
export type ReadingFor = {
  readonly model: ModelEntry;
  /** Steps that it may be edited over. */
  readonly steps: number;
  /** Ids of the embeddings that are chosen. */
  readonly embeddings: readonly string[];
};

/** See the file's header. */
export class PromptReading {
  readonly #client: Client;
  readonly #field: HTMLTextAreaElement;
  readonly #root: HTMLElement;
  readonly #readingFor: () => ReadingFor;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  /** @param field Id of the prompt's field; `FIELD-reading` is where the reading is shown. */
  constructor(field: string, client: Client, readingFor: () => ReadingFor) {
    this.#client = client;
    this.#field = byId(field, HTMLTextAreaElement);
    this.#root = byId(`${field}-reading`, HTMLElement);
    this.#readingFor = readingFor;
    this.update();
  }

  /** Reads the prompt again, soon: it, the model or the number of steps has changed. */
  update(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), PAUSE);
  }

  async #read(): Promise<void> {
    const asked = ++this.#asked;
    const prompt = this.#field.value;
    if (prompt.trim() === '') {
      this.#root.hidden = true;
      return;
    }
    const { model, steps } = this.#readingFor();
    const isNegative = this.#field.name === 'negative_prompt';
    try {
      const read = await this.#client.describePrompt(model.id, prompt, { steps, isNegative });
      if (asked === this.#asked) this.#show(prompt, read, this.#remarksOf(prompt, read));
    } catch (error) {
      // An engine that does not start says so elsewhere.
      const remark = remarkOf(error);
      if (asked === this.#asked)
        this.#show(prompt, undefined, remark === undefined ? [] : [remark]);
    }
  }

  #remarksOf(prompt: string, { loras, notes }: PromptDescription): Remark[] {
    const { embeddings: chosen } = this.#readingFor();
    const known = this.#ids('lora');
    const missing = loras.filter(({ name }) => !known.includes(name));
    const here = known.length === 0 ? 'none is here' : `those here are: ${known.join(', ')}`;
    return [
      ...missing.map(({ name, start, end }) => {
        return { start, end, message: `There is no LoRA ${name}; ${here}.`, isError: true };
      }),
      ...notes.map((note) => ({ ...note, isError: false })),
      ...embeddingRemarks(prompt, { known: this.#ids('embedding'), chosen }),
    ].toSorted((a, b) => a.start - b.start);
  }

  #ids(kind: 'lora' | 'embedding'): string[] {
    const { model } = this.#readingFor();
    const entries = this.#client.adjuncts.filter((entry) => entry.kind === kind);
    return entries.filter((entry) => goesWith(entry, model)).map(({ id }) => id);
  }

  #show(prompt: string, read: PromptDescription | undefined, remarks: readonly Remark[]): void {
    this.#root.hidden = read === undefined && remarks.length === 0;
    const count = within(this.#root, '.tokens', HTMLElement);
    count.hidden = read === undefined;
    count.textContent = read === undefined ? '' : tokensText(read);
    within(this.#root, '.readings', HTMLElement).replaceChildren(...readingsOf(read));
    within(this.#root, '.prompt-remarks', HTMLElement).replaceChildren(
      ...remarks.map((remark) => this.#remark(prompt, remark)),
    );
  }

  #remark(prompt: string, remark: Remark): HTMLElement {
    const item = document.createElement('li');
    item.classList.toggle('is-error', remark.isError);
    const place = document.createElement('button');
    place.type = 'button';
    place.title = 'Show this place in the prompt';
    const { before, marked, after } = excerpt(prompt, remark);
    place.append(before, textElement('mark', marked), after);
    place.addEventListener('click', () => {
      this.#field.focus();
      this.#field.setSelectionRange(remark.start, remark.end);
    });
    item.append(place, textElement('span', remark.message));
    return item;
  }
}

/** Rows of what is more than plain text; a prompt that is nothing else has none. */
function readingsOf(read: PromptDescription | undefined): HTMLElement[] {
  if (read === undefined) return [];
  const { subPrompts, loras } = read;
  const isComposed = subPrompts.length > 1;
  const rows = subPrompts.flatMap(({ weight, stages }, i) => {
    const part = isComposed ? [`Part ${i + 1} ${weightText(weight)}`] : [];
    if (stages.length === 1) return [row(part, stages[0]?.pieces ?? [])];
    return heldTexts(stages).map(({ steps, pieces }) => row([...part, steps], pieces));
  });
  const isPlain =
    rows.length === 1 && subPrompts[0]?.stages[0]?.pieces.every(({ weight }) => weight === 1);
  return [...(isPlain === true ? [] : rows), ...lorasOf(loras)];
}

function row(labels: readonly string[], pieces: StageDescription['pieces']): HTMLElement {
  const item = document.createElement('li');
  if (labels.length > 0) {
    const label = textElement('span', labels.join(' · '));
    label.className = 'reading-label';
    item.append(label);
  }
  const text = document.createElement('span');
  text.append(...pieces.flatMap(pieceNodes));
  item.append(text);
  return item;
}

function pieceNodes({ kind, text, weight }: StageDescription['pieces'][number]): (Node | string)[] {
  if (kind === 'break') {
    const element = textElement('span', 'next chunk');
    element.className = 'break';
    return [' ', element, ' '];
  }
  const words = text.trim();
  if (weight === 1 || words === '') return [text];
  const element = textElement('span', words);
  element.className = weight > 1 ? 'piece is-stronger' : 'piece is-weaker';
  element.append(' ', textElement('b', weightText(weight)));
  const [before = '', after = ''] = text.split(words);
  return [before, element, after];
}

function lorasOf(loras: PromptDescription['loras']): HTMLElement[] {
  return loras.map(({ name, unetWeight, textEncoderWeight }) => {
    const item = document.createElement('li');
    const label = textElement('span', 'LoRA');
    label.className = 'reading-label';
    const chip = textElement('span', name);
    chip.className = 'piece';
    const strengths = [...new Set([unetWeight, textEncoderWeight])].map(weightText);
    const isBoth = strengths.length === 1;
    const text = isBoth ? (strengths[0] ?? '') : `${strengths[0]}, in the text ${strengths[1]}`;
    chip.append(' ', textElement('b', text));
    item.append(label, chip);
    return item;
  });
}

/** What an error says of a place in the prompt; undefined: it is not about the prompt. */
function remarkOf(error: unknown): Remark | undefined {
  if (!isEngineError(error)) return undefined;
  const { start, end } = error.detail;
  if (typeof start !== 'number' || typeof end !== 'number') return undefined;
  const message = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
  return { start, end, message, isError: true };
}
