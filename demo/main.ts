/**
 * The page: a form whose fields are a request's, a client that answers it, and a gallery of what came out.
 *
 * Addresses may end in `?backend=wasm` or `?backend=webgpu` to settle where to draw, and in `?software=1` to accept a
 * renderer that imitates a GPU.
 */

import {
  createClient,
  type ClientOptions,
  type Reply,
  type RequestCallOptions,
} from '../src/index.ts';
import { byId } from './dom.ts';
import { EnginePanel } from './engine-panel.ts';
import { clearErrors, showAlert, showError } from './field-errors.ts';
import { showIdeas } from './ideas.ts';
import { Job, type Picture } from './job.ts';
import { strengthText } from './progress-text.ts';
import { PromptReading } from './prompt-reading.ts';
import { Settings } from './settings.ts';
import { StartImage } from './start-image.ts';

const TITLE = document.title;

const client = createClient(clientOptions(new URLSearchParams(location.search)));
const settings = new Settings(client.models, client.defaultModel, client.adjuncts);
const startImage = new StartImage(() => startImageChanged());
const panel = new EnginePanel();
const readings = ['prompt', 'negative_prompt'].map(
  (field) =>
    new PromptReading(field, client, () => ({ model: settings.model.id, steps: stepsDrawn() })),
);
const form = byId('request', HTMLFormElement);
const button = byId('draw', HTMLButtonElement);

let running: AbortController | undefined;

listen();
updateIdeas();
void startEngine();

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

async function draw(): Promise<void> {
  if (running !== undefined) return;
  clearErrors();
  const controller = new AbortController();
  const job = new Job(settings.prompt, settings.size, settings.samples, {
    cancel: () => controller.abort(),
    useSeed,
    useImage: (picture) => void useImage(picture),
  });
  setRunning(controller);
  begin(job);
  try {
    const isDone = await answer(job, controller.signal);
    if (!isDone) job.element.remove();
    say(isDone ? 'The picture is done.' : 'The request was refused.');
  } catch (error) {
    job.element.remove();
    if (controller.signal.aborted) say('Cancelled.');
    else showAlert(error instanceof Error ? error.message : String(error));
  } finally {
    setRunning(undefined);
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
    byId('empty', HTMLElement).hidden = byId('jobs', HTMLElement).childElementCount > 0;
  }
}

/** Whether there are pictures; if not, the reply's reason is shown. */
async function answer(job: Job, signal: AbortSignal): Promise<boolean> {
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
  const body = settings.body();
  const reply = await ask(body, options);
  if (reply.status !== 'success') {
    showError(reply.message);
    return false;
  }
  job.finish(reply);
  settings.showSeed(Number(reply.meta['seed']), { isKept: settings.isSeedLocked });
  panel.showMemory(await client.memory());
  return true;
}

async function ask(body: Record<string, unknown>, options: RequestCallOptions): Promise<Reply> {
  const image = startImage.value;
  if (image === undefined) return client.textToImage(body, options);
  const started = { ...body, init_image: image, strength: settings.strength };
  const mask = await startImage.mask();
  return mask === undefined
    ? client.imageToImage(started, options)
    : client.inpaint({ ...started, mask_image: mask }, options);
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

function updateIdeas(): void {
  showIdeas(settings.model, (prompt, draws) => {
    settings.prompt = prompt;
    readPrompts();
    clearErrors('prompt');
    if (draws) void draw();
  });
}

/** Steps that a prompt may be edited over: of a drawing that starts from an image, the last ones alone are run. */
function stepsDrawn(): number {
  const { steps, strength } = settings;
  return startImage.value === undefined ? steps : Math.max(1, Math.floor(steps * Number(strength)));
}

/** What follows from there being an image to start from, or none. */
function startImageChanged(): void {
  const { steps, strength } = settings;
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
    startImageChanged();
  });
  byId('model_id', HTMLSelectElement).addEventListener('change', updateIdeas);
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
