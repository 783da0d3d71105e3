/**
 * Prompts to begin with: as pictures on the empty page, and one after another from the prompt's own button.
 */

import type { ModelEntry } from '../src/index.ts';
import { byId } from './dom.ts';

/** Fills the empty page and wires the button; `choose` gets a prompt, and whether to draw it at once. */
export function showIdeas(
  model: ModelEntry,
  choose: (prompt: string, draws: boolean) => void,
): void {
  const { examples = [] } = model;
  byId('examples', HTMLElement).replaceChildren(
    ...examples.map((prompt) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = prompt;
      button.prepend(thumbnail(model, prompt));
      button.addEventListener('click', () => choose(prompt, true));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }),
  );
  const idea = byId('idea', HTMLButtonElement);
  idea.hidden = examples.length === 0;
  let next = Math.floor(Math.random() * examples.length);
  idea.onclick = () => {
    choose(examples[next++ % examples.length] ?? '', false);
  };
}

/** What the model draws for the prompt: kept as a file, for it must be there before any engine is. */
function thumbnail({ id }: ModelEntry, prompt: string): HTMLImageElement {
  const image = new Image(64, 64);
  const name = prompt.replaceAll(' ', '-');
  image.alt = '';
  image.addEventListener('error', () => image.remove());
  image.src = new URL(`./examples/${id}/${name}.png`, import.meta.url).href;
  return image;
}
