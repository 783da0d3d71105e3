/**
 * Numbers in words: how far a drawing is, how long it takes, how large something is.
 */

import type { ClientProgress } from '../src/index.ts';

/** What is being done, and how long it will still take where that is known. */
export function progressText(progress: ClientProgress): string {
  const { phase, step, steps, secondsLeft, loading } = progress;
  if (loading !== undefined && loading.bytesDone < loading.bytesTotal) {
    return `Loading weights, ${bytesText(loading.bytesDone)} of ${bytesText(loading.bytesTotal)}`;
  }
  switch (phase) {
    case 'starting':
      return 'Starting the engine';
    case 'opening':
      return 'Opening the model';
    case 'encoding':
      return 'Reading the prompt';
    case 'denoising': {
      if (step === 0) return 'Beginning with noise';
      return `Step ${step} of ${steps}${leftText(secondsLeft)}`;
    }
    case 'decoding':
      return 'Finishing the picture';
    case 'enlarging':
      return `Enlarging: part ${step} of ${steps}${leftText(secondsLeft)}`;
    default:
      return phase satisfies never;
  }
}

function leftText(seconds: number | undefined): string {
  return seconds === undefined || seconds === 0
    ? ''
    : ` · ${secondsText(Math.max(1, Math.round(seconds)))} left`;
}

/** Seconds for a person: `3.2 s`, `1 min 20 s`. */
export function secondsText(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Bytes for a person: `12.3 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1e5) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** What a strength does with the image that a drawing starts from. */
export function strengthText(
  strength: number,
  { steps, drawn }: { readonly steps: number; readonly drawn: number },
): string {
  const effect =
    strength < 0.35
      ? 'details change'
      : strength < 0.65
        ? 'shapes and colours may change'
        : strength < 0.9
          ? 'little more than the layout stays'
          : 'hardly anything stays of the image';
  return `${drawn} of ${steps} steps are drawn over it: ${effect}.`;
}
