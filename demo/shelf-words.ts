/**
 * The shelf in words: what an entry is, how it would run here, and how far its download is.
 */

import type {
  EntryKind,
  EntryProgress,
  Judgement,
  ModelVerdict,
  StorageReport,
} from '../src/index.ts';
import { bytesText, secondsText } from './progress-text.ts';
import type { ShelfItem, Step } from './shelf-data.ts';

/** What a person calls the families of models. */
const FAMILIES: Readonly<Record<string, string>> = {
  sd1: 'Stable Diffusion 1',
  sd2: 'Stable Diffusion 2',
  sdxl: 'SDXL',
  emoji: 'Emoji 64',
};

const KINDS: Readonly<Record<EntryKind, string>> = {
  model: 'model',
  lora: 'LoRA',
  vae: 'VAE',
  controlnet: 'ControlNet',
  embedding: 'embedding',
  upscaler: 'upscaler',
  annotator: 'annotator',
};

/** How the verdicts are called. */
export const VERDICTS: Readonly<Record<ModelVerdict['state'], string>> = {
  fits: 'Fits',
  tight: 'Tight',
  no: 'Does not fit',
  unknown: 'Not known',
};

/** What the steps are called on a button. */
export const STEPS: Readonly<Record<Step, string>> = {
  use: 'Use',
  leave: 'Do not use',
  download: 'Download',
  resume: 'Resume',
  pause: 'Pause',
  unlock: 'Let the page read it',
  find: 'Choose its files again',
};

/** What the kinds are called where several are shown. */
export const PLURALS: Readonly<Record<EntryKind, string>> = {
  model: 'Models',
  lora: 'LoRAs',
  vae: 'VAEs',
  controlnet: 'ControlNets',
  embedding: 'Embeddings',
  upscaler: 'Upscalers',
  annotator: 'Annotators',
};

/** What an entry is: `LoRA for Stable Diffusion 1`. */
export function kindText({ kind, entry }: Pick<ShelfItem, 'kind' | 'entry'>): string {
  const { family } = entry;
  const known = family === undefined ? undefined : (FAMILIES[family] ?? family);
  if (kind === 'model') return known ?? 'Model';
  return known === undefined ? KINDS[kind] : `${KINDS[kind]} for ${known}`;
}

/** What an entry costs: its download, the memory it takes, the time of a picture. */
export function costTexts({ entry, stored, verdict }: ShelfItem): string[] {
  const bytes = verdict?.downloadBytes ?? entry.downloadBytes ?? stored.bytesTotal;
  const isOnWeb = stored.state === 'absent' || stored.state === 'partial';
  const { memoryBytes, secondsPerPicture, weightBits, needsLightVae } = verdict ?? {};
  return [
    ...(isOnWeb && bytes !== undefined ? [`${bytesText(bytes)} to download`] : []),
    ...(stored.state === 'here' ? [`${bytesText(stored.bytesHere)} on this machine`] : []),
    ...(stored.state === 'embedded' ? ['part of the page'] : []),
    ...(memoryBytes === undefined ? [] : [`${bytesText(memoryBytes)} of memory`]),
    ...(weightBits === undefined || weightBits > 8 ? [] : [`weights in ${weightBits} bits`]),
    ...(needsLightVae === true ? ['decoded by a light VAE'] : []),
    ...(secondsPerPicture === undefined
      ? []
      : [`about ${secondsText(secondsPerPicture)} a picture`]),
  ];
}

/** How far a download is, how fast it goes, and how long it will take. */
export function transferText(progress: EntryProgress): string {
  const { phase, received, total, bytesPerSecond, secondsLeft } = progress;
  const amount =
    total === undefined ? bytesText(received) : `${bytesText(received)} of ${bytesText(total)}`;
  switch (phase) {
    case 'waiting':
      return received === 0 ? 'Waiting for its turn' : `${amount} · waiting for the rest`;
    case 'checking':
      return `Reading what is here again · ${amount}`;
    case 'retrying':
      return `${amount} · the connection was lost, trying again`;
    case 'downloading':
    case 'done': {
      const rate = bytesPerSecond === undefined ? [] : [`${bytesText(bytesPerSecond)}/s`];
      const left = secondsLeft === undefined ? [] : [`${timeText(secondsLeft)} left`];
      return [amount, ...rate, ...left].join(' · ');
    }
    default:
      return phase satisfies never;
  }
}

/** What memory this machine was judged by. */
export function roomText({
  memoryBytes,
  isMemoryKnown,
}: Pick<Judgement, 'memoryBytes' | 'isMemoryKnown'>): string {
  const amount = `Reckoned with ${bytesText(memoryBytes)}`;
  return isMemoryKnown
    ? `${amount}.`
    : `${amount}, which is a careful estimate: browsers do not tell. Choose what the graphics card has.`;
}

/** How much of the browser's storage is used. */
export function storageText({ usage, quota }: StorageReport): string {
  const used = usage === 0 ? 'Nothing is kept yet' : `${bytesText(usage)} used`;
  return quota === undefined ? `${used}.` : `${used}, ${bytesText(quota)} may be.`;
}

/** Seconds that are still to go: whole ones, and at least one. */
function timeText(seconds: number): string {
  return secondsText(Math.max(1, Math.round(seconds)));
}
