/**
 * How far a run is, told in one rising number and true seconds: what is left is estimated from steps that are done.
 */

import type { PreviewPicture } from '../models/preview.ts';
import type { SamplingPlan } from '../samplers/sampler.ts';

/** How far a run is. */
export type GenerateProgress = {
  readonly phase: 'encoding' | 'denoising' | 'decoding';
  /** Of the whole run, 0 to 1, never falling; 1 only when it is done. */
  readonly progress: number;
  /** Steps done, and how many there are. */
  readonly step: number;
  readonly steps: number;
  /** For the steps that are left, estimated from those done so far; undefined before the first one. */
  readonly secondsLeft: number | undefined;
  /** While weights are being loaded: how many bytes are, of those that the next network needs. */
  readonly loading?: { readonly bytesDone: number; readonly bytesTotal: number };
  /** After a step, where asked for: what the pictures will be like, one for each. */
  readonly previews?: readonly PreviewPicture[];
};

/** Told of progress. */
export type ProgressListener = (progress: GenerateProgress) => void;

/** Parts of the whole that encoding and decoding count for. */
const SHARE = { encoding: 0.05, decoding: 0.1 } as const;
const DENOISING = 1 - SHARE.encoding - SHARE.decoding;

/** Tells one run's progress to a listener. */
export class ProgressTeller {
  readonly #plan: SamplingPlan;
  readonly #listener: ProgressListener | undefined;
  #last: GenerateProgress;
  #began = 0;

  constructor(plan: SamplingPlan, listener: ProgressListener | undefined) {
    this.#plan = plan;
    this.#listener = listener;
    const { steps } = plan;
    this.#last = { phase: 'encoding', progress: 0, step: 0, steps, secondsLeft: undefined };
  }

  /** The prompt is being read. */
  encoding(): void {
    this.#tell(this.#last);
  }

  /** So many steps are done, for which the network was evaluated so many times. The clock starts at 0. */
  denoising(step: number, evaluated: number, previews?: readonly PreviewPicture[]): void {
    if (evaluated === 0) this.#began = performance.now();
    const { steps, timesteps } = this.#plan;
    const seconds = (performance.now() - this.#began) / 1000;
    this.#tell({
      phase: 'denoising',
      progress:
        SHARE.encoding + DENOISING * (timesteps.length === 0 ? 1 : evaluated / timesteps.length),
      step,
      steps,
      secondsLeft:
        evaluated === 0 ? undefined : (seconds / evaluated) * (timesteps.length - evaluated),
      ...(previews === undefined ? {} : { previews }),
    });
  }

  /** So many pictures of so many are decoded. */
  decoding(pictures: number, of: number): void {
    const isDone = pictures === of;
    this.#tell({
      phase: 'decoding',
      progress: isDone ? 1 : 1 - SHARE.decoding + (SHARE.decoding * pictures) / of,
      step: this.#plan.steps,
      steps: this.#plan.steps,
      secondsLeft: isDone ? 0 : undefined,
    });
  }

  /** Weights of the next network are being loaded; an option of a stage's run. */
  readonly loading = (bytesDone: number, bytesTotal: number): void => {
    this.#listener?.({ ...this.#last, loading: { bytesDone, bytesTotal } });
  };

  #tell(progress: GenerateProgress): void {
    this.#last = progress;
    this.#listener?.(progress);
  }
}
