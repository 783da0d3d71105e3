/**
 * How long drawing takes on this machine, learnt from what was drawn.
 *
 * Times are kept by model and size, as seconds for one step of the whole batch: a mean in which each new job counts for
 * half, so that the first one, which also loads the model, is soon forgotten.
 */

/** What of a job decides how long it takes. */
export type Work = {
  readonly model: string;
  /** Size in pixels. */
  readonly width: number;
  readonly height: number;
  /** Pictures. */
  readonly samples: number;
  /** Denoising steps of each. */
  readonly steps: number;
};

/** Reading the prompt and decoding the pictures, counted in steps. */
const OTHER_WORK = 2;

/** Seconds for a step of one picture of 512x512 where nothing was measured yet: a middling GPU. */
const FIRST_GUESS = 0.5;

const GUESSED_PIXELS = 512 * 512;

/** See the file's header. */
export class StepTimes {
  readonly #measured = new Map<string, { model: string; pixels: number; seconds: number }>();

  /** Learns that `work` took so many seconds. */
  record(work: Work, seconds: number): void {
    const key = `${work.model} ${work.width}x${work.height} ${work.samples}`;
    const each = seconds / (work.steps + OTHER_WORK);
    const known = this.#measured.get(key)?.seconds;
    this.#measured.set(key, {
      model: work.model,
      pixels: pixelsOf(work),
      seconds: known === undefined ? each : (known + each) / 2,
    });
  }

  /** Seconds that `work` will take: by its model at the nearest size, else by any model, else a guess. */
  estimate(work: Work): number {
    const pixels = pixelsOf(work);
    const all = [...this.#measured.values()];
    const own = all.filter(({ model }) => model === work.model);
    const distance = (other: { pixels: number }): number =>
      Math.abs(Math.log(other.pixels / pixels));
    const [nearest = { pixels: GUESSED_PIXELS, seconds: FIRST_GUESS }] = (
      own.length > 0 ? own : all
    ).toSorted((a, b) => distance(a) - distance(b));
    return (nearest.seconds * (work.steps + OTHER_WORK) * pixels) / nearest.pixels;
  }
}

function pixelsOf({ width, height, samples }: Work): number {
  return width * height * samples;
}
