/**
 * The page: a form whose fields are a request's, a client that answers it, and a gallery of what came out.
 *
 * Addresses may end in `?backend=wasm` or `?backend=webgpu` to settle where to draw, and in `?software=1` to accept a
 * renderer that imitates a GPU.
 */

import { createClient, type ClientOptions, type RequestCallOptions } from '../src/index.ts';
import { Control, HintRefused } from './control.ts';
import { byId } from './dom.ts';
import { EnginePanel } from './engine-panel.ts';
import { clearErrors, showAlert, showError } from './field-errors.ts';
import { showIdeas } from './ideas.ts';
import { Job, type Picture } from './job.ts';
import { Machine } from './machine.ts';
import { strengthText } from './progress-text.ts';
import { PromptReading, type ReadingFor } from './prompt-reading.ts';
import { requestOf } from './request.ts';
import { Settings } from './settings.ts';
import { StartImage } from './start-image.ts';
import { stockShelf } from './stock-shelf.ts';

const TITLE = document.title;

/** Two faces, for the embedded model: the second one shall have the first one's outline. */
const CONTROL_EXAMPLE = [
  'a flat cat face on a blue background',
  'a glossy pig face on a cyan background',
] as const;

const machine = new Machine();
const client = createClient({
  ...clientOptions(new URLSearchParams(location.search)),
  atStart: () => machine.options,
});
const settings = new Settings(client.models, client.defaultModel, client.adjuncts);
const startImage = new StartImage(() => {
  changed();
  control.update();
});
const control = new Control(client, {
  model: () => settings.model,
  basis: async () => {
    const { model_id, width, height, seed } = settings.body();
    const { mask_image } = await startImage.fields();
    return { model_id, width, height, seed, fit: startImage.fit, mask_image };
  },
});
const panel = new EnginePanel();
const readings = ['prompt', 'negative_prompt'].map(
  (field) => new PromptReading(field, client, readingFor),
);
const form = byId('request', HTMLFormElement);
const button = byId('draw', HTMLButtonElement);

let running: AbortController | undefined;

listen();
updateIdeas();
void startEngine();
stockShelf({
  client,
  settings,
  machine,
  changed: modelChanged,
  restarted: () => void startEngine(),
});

function clientOptions(query: URLSearchParams): ClientOptions {
  const backend = query.get('backend');
  const isKnown = backend === 'wasm' || backend === 'webgpu';
  return { ...(isKnown ? { backend } : {}), allowSoftware: query.get('software') === '1' };
}

/** Before anyone asks for a picture: starting takes about as long as writing a prompt. */
async function startEngine(): Promise<void> {
  try {
    panel.show(await client.report(), await client.memory());
  } catch (error) {
    panel.showFailure(error instanceof Error ? error.message : String(error));
  }
}

/** Draws what the form asks for; the first picture, or undefined where there is none. */
async function draw(): Promise<Picture | undefined> {
  if (running !== undefined) return undefined;
  clearErrors();
  const controller = new AbortController();
  const job = new Job(settings.prompt, settings.size, settings.samples, {
    cancel: () => controller.abort(),
    useSeed,
    useImage: (picture) => void useImage(picture),
    useControl: control.isOffered ? (picture) => void useControl(picture) : undefined,
  });
  setRunning(controller);
  begin(job);
  try {
    const picture = await answer(job, controller.signal);
    if (picture === undefined) job.element.remove();
    say(picture === undefined ? 'The request was refused.' : 'The picture is done.');
    return picture;
  } catch (error) {
    job.element.remove();
    if (controller.signal.aborted) say('Cancelled.');
    else if (error instanceof HintRefused) say('The request was refused.');
    else showAlert(error instanceof Error ? error.message : String(error));
    return undefined;
  } finally {
    setRunning(undefined);
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
    byId('empty', HTMLElement).hidden = byId('jobs', HTMLElement).childElementCount > 0;
  }
}

/** The first picture; if there is none, the reply's reason is shown. */
async function answer(job: Job, signal: AbortSignal): Promise<Picture | undefined> {
  const options: RequestCallOptions = {
    signal,
    previews: true,
    onProgress: (progress) => {
      job.tell(progress);
      // The last word may come after the picture.
      if (running?.signal !== signal) return;
      document.title = `${Math.round(progress.progress * 100)} % · ${TITLE}`;
    },
  };
  const { operation, body } = await requestOf({ settings, startImage, control });
  const reply = await client[operation](body, options);
  if (reply.status !== 'success') {
    showError(reply.message);
    return undefined;
  }
  const [picture] = job.finish(reply, { hasImage: 'init_image' in body });
  settings.showSeed(Number(reply.meta['seed']), { isKept: settings.isSeedLocked });
  panel.showMemory(await client.memory());
  return picture;
}

function begin(job: Job): void {
  job.tell({ phase: 'starting', progress: 0, step: 0, steps: 0, secondsLeft: undefined });
  byId('empty', HTMLElement).hidden = true;
  byId('jobs', HTMLElement).prepend(job.element);
  say('Drawing.');
  const { top } = job.element.getBoundingClientRect();
  const isSeen = top >= 0 && top < innerHeight * 0.4;
  if (!isSeen) job.element.scrollIntoView({ block: 'start' });
}

function setRunning(controller: AbortController | undefined): void {
  running = controller;
  button.setAttribute('aria-disabled', String(controller !== undefined));
  byId('draw-label', HTMLElement).textContent = controller === undefined ? 'Draw' : 'Drawing';
  if (controller === undefined) document.title = TITLE;
}

function useSeed({ seed }: Picture): void {
  settings.showSeed(seed, { isKept: true });
  say(`Seed ${seed} is kept for the next picture.`);
}

async function useImage({ url, name }: Picture): Promise<void> {
  startImage.set(await (await fetch(url)).blob(), name);
  say('The next picture starts from this one.');
  byId('strength', HTMLInputElement).focus();
}

async function useControl({ url, name }: Picture): Promise<void> {
  control.set(await (await fetch(url)).blob(), name);
  say('The next picture follows this one.');
  byId('controlnet_conditioning_scale', HTMLInputElement).focus();
}

/** Draws a face, takes its edges, and draws another face over them. */
async function showControlExample(): Promise<void> {
  const [first, second] = CONTROL_EXAMPLE;
  startImage.clear();
  control.clear();
  settings.prompt = first;
  const picture = await draw();
  if (picture === undefined) return;
  await useControl(picture);
  settings.prompt = second;
  readPrompts();
  await draw();
}

/** Another model may be chosen than before. */
function modelChanged(): void {
  updateIdeas();
  readPrompts();
}

function updateIdeas(): void {
  byId('control-example', HTMLElement).hidden = settings.model.source.kind !== 'embedded';
  showIdeas(settings.model, (prompt, draws) => {
    settings.prompt = prompt;
    readPrompts();
    clearErrors('prompt');
    if (draws) void draw();
  });
}

/** What the prompts are read for. */
function readingFor(): ReadingFor {
  const { embeddings_model: embeddings } = settings.body();
  return {
    model: settings.model,
    steps: stepsDrawn(),
    embeddings: typeof embeddings === 'string' ? embeddings.split(',') : [],
  };
}

/** Steps that a prompt may be edited over: of a drawing that starts from an image, the last ones alone are run. */
function stepsDrawn(): number {
  const { steps, strength } = settings;
  return !startImage.isThere ? steps : Math.max(1, Math.floor(steps * Number(strength)));
}

/** What follows from the form's fields. */
function changed(): void {
  const { steps, strength } = settings;
  startImage.showOptions(settings.size);
  const meaning = byId('strength-meaning', HTMLElement);
  meaning.textContent = strengthText(Number(strength), { steps, drawn: stepsDrawn() });
  readPrompts();
}

function readPrompts(): void {
  for (const reading of readings) reading.update();
}

function say(text: string): void {
  byId('status', HTMLElement).textContent = text;
}

function listen(): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void draw();
  });
  form.addEventListener('input', ({ target }) => {
    const field = target instanceof Element ? target.closest<HTMLElement>('[data-field]') : null;
    clearErrors(field?.dataset['field'] ?? '');
    changed();
  });
  // With every key would be too often.
  form.addEventListener('change', () => {
    control.update();
    changed();
  });
  byId('model_id', HTMLSelectElement).addEventListener('change', updateIdeas);
  byId('control-example', HTMLButtonElement).addEventListener(
    'click',
    () => void showControlExample(),
  );
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') running?.abort();
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void draw();
  });
  if (/Mac|iPhone|iPad/.test(navigator.userAgent)) {
    byId('draw-key', HTMLElement).textContent = '⌘ ↵';
  }
}
