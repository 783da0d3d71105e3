/**
 * Runs a sampling plan: does what the sampler asks, over any store of buffers.
 *
 * The driver knows no sampler and no device. It keeps which buffers, with which factors, a quantity is made
 * of: one for noise, several where guidance mixes two outputs, so that guidance is one more term of a sum
 * and never a pass of its own. At the end of a step it computes what is carried on, and lets go of the rest.
 */

import { EngineError } from '../errors.ts';
import type { NoiseSource } from '../rng/noise-source.ts';
import { just, type Combination, type Quantity } from './algebra.ts';
import type { SamplingPlan } from './sampler.ts';
import type { Reply, Request } from './sampling.ts';
import type { Store, Term } from './store.ts';

/** One evaluation of the network. */
export type Evaluation<Buffer> = {
  /** What the network is to see, as a sum that nothing has computed yet; valid until the evaluation ends. */
  readonly input: readonly Term<Buffer>[];
  readonly timestep: number;
  /** Whether guidance counts; else wanted is what the network says without the prompt. */
  readonly isGuided: boolean;
  /** How many evaluations were before, of `plan.timesteps.length`. */
  readonly index: number;
};

/** What the network said. */
export type Evaluated<Buffer> = {
  /** As a sum: one term, or one each for the outputs that guidance mixes. */
  readonly output: readonly Term<Buffer>[];
  /** Called when the sum's buffers are no longer needed, which is at the end of the step at the latest. */
  readonly release?: () => void;
};

/** A step that is done. */
export type StepDone<Buffer> = {
  /** Steps done so far, of `plan.steps`. */
  readonly done: number;
  /** Evaluations done so far, of `plan.timesteps.length`; a step may take several. */
  readonly evaluated: number;
  /** The sample; may be written to, as inpainting does. */
  readonly sample: Buffer;
  /** The picture as the network sees it now, as a sum that nothing has computed yet; for previews. */
  readonly original: readonly Term<Buffer>[];
};

/** Options of {@link runSampling}. */
export type SamplingOptions<Buffer> = {
  readonly store: Store<Buffer>;
  /** Runs the network, guidance included. */
  readonly evaluate: (evaluation: Evaluation<Buffer>) => Promise<Evaluated<Buffer>>;
  /** Standard normals, for samplers that draw some. The first sample's are not from here but `noise`. */
  readonly source: NoiseSource;
  /** The first sample's standard normals. Stays the caller's. */
  readonly noise: Buffer;
  /** Latents of the picture to start from; needed where `plan.start.picture` is not 0. Stays the caller's. */
  readonly picture?: Buffer | undefined;
  /** Told when a step is done; the next one waits for it. */
  readonly onStep?: ((step: StepDone<Buffer>) => void | Promise<void>) | undefined;
  /** Aborts between requests, with its own reason. */
  readonly signal?: AbortSignal | undefined;
};

/** What a quantity is made of. */
type Held<Buffer> = {
  readonly terms: readonly Term<Buffer>[];
  /** Whether it is one buffer of the store, which then can be carried on as it is. */
  readonly isOwn: boolean;
  readonly release: () => void;
};

/** Runs a plan to its end. The result is a buffer of the store, the caller's to release. */
export async function runSampling<Buffer>(
  plan: SamplingPlan,
  options: SamplingOptions<Buffer>,
): Promise<Buffer> {
  const driver = new Driver(options);
  try {
    const sampler = plan.sample(await driver.start(plan));
    let reply: Reply;
    for (;;) {
      options.signal?.throwIfAborted();
      const next = sampler.next(reply);
      if (next.done === true) return await driver.compute(next.value);
      reply = await driver.serve(next.value);
    }
  } finally {
    driver.release();
  }
}

class Driver<Buffer> {
  readonly #options: SamplingOptions<Buffer>;
  #held = new Map<Quantity, Held<Buffer>>();
  #evaluations = 0;
  #steps = 0;

  constructor(options: SamplingOptions<Buffer>) {
    this.#options = options;
  }

  /** Computes the first sample, and names it. */
  async start({ start }: SamplingPlan): Promise<Combination> {
    const { picture, noise } = this.#options;
    const terms = [{ buffer: noise, coefficient: start.noise }];
    if (start.picture !== 0) {
      if (picture === undefined) {
        throw new EngineError('invalid-argument', 'A run with a strength starts from a picture.');
      }
      terms.push({ buffer: picture, coefficient: start.picture });
    }
    const sample: Quantity = { label: 'sample' };
    const buffer = await this.#computed(terms.filter(({ coefficient }) => coefficient !== 0));
    this.#held.set(sample, this.#own(buffer));
    return just(sample);
  }

  async serve(request: Request): Promise<Reply> {
    switch (request.kind) {
      case 'evaluate': {
        const { input, timestep, isGuided, output } = request;
        const evaluated = await this.#options.evaluate({
          input: this.#termsOf(input),
          timestep,
          isGuided,
          index: this.#evaluations++,
        });
        const release = evaluated.release ?? (() => undefined);
        this.#held.set(output, { terms: evaluated.output, isOwn: false, release });
        return undefined;
      }
      case 'noise': {
        const { store, source } = this.#options;
        const held = this.#own(store.acquire());
        this.#held.set(request.output, held);
        for (const { buffer } of held.terms) await store.write(buffer, source.normal(store.length));
        return undefined;
      }
      case 'norms': {
        const { store } = this.#options;
        const lengths: (readonly number[])[] = [];
        for (const each of request.of) {
          lengths.push(await this.#computedFor(each, (buffer) => store.norms(buffer)));
        }
        return lengths;
      }
      case 'scale': {
        const { store } = this.#options;
        const held = this.#own(store.acquire());
        this.#held.set(request.output, held);
        await this.#computedFor(request.of, async (buffer) => {
          for (const { buffer: output } of held.terms) {
            await store.scale(output, buffer, request.factors);
          }
        });
        return undefined;
      }
      case 'step':
        await this.#step(request);
        return undefined;
    }
  }

  /** A combination in a buffer of its own. */
  compute(combination: Combination): Promise<Buffer> {
    return this.#computed(this.#termsOf(combination));
  }

  /** Lets go of everything. */
  release(): void {
    for (const { release } of this.#held.values()) release();
    this.#held.clear();
  }

  async #step({ carried, original }: Extract<Request, { kind: 'step' }>): Promise<void> {
    const before = this.#held;
    const after = new Map<Quantity, Held<Buffer>>();
    const moved = new Set<Held<Buffer>>();
    try {
      let sample: Buffer | undefined;
      for (const { value, name } of carried) {
        const held = value.quantity && before.get(value.quantity);
        // The sample gets a buffer of its own, since whoever hears of the step may write to it.
        if (sample !== undefined && held?.isOwn === true && !moved.has(held)) {
          moved.add(held);
          after.set(name, held);
        } else {
          const buffer = await this.compute(value);
          after.set(name, this.#own(buffer));
          sample ??= buffer;
        }
      }
      if (sample !== undefined) {
        const terms = this.#options.onStep === undefined ? [] : this.#termsOf(original);
        const [done, evaluated] = [++this.#steps, this.#evaluations];
        await this.#options.onStep?.({ done, evaluated, sample, original: terms });
      }
    } finally {
      for (const held of before.values()) if (!moved.has(held)) held.release();
      this.#held = after;
    }
  }

  /** A combination in terms of buffers, guidance's mixtures multiplied out. */
  #termsOf(combination: Combination): Term<Buffer>[] {
    const terms: Term<Buffer>[] = [];
    for (const [quantity, factor] of combination.terms) {
      const held = this.#held.get(quantity);
      if (held === undefined) {
        throw new TypeError(`a sampler used ${quantity.label} after the step it belongs to`);
      }
      for (const { buffer, coefficient } of held.terms) {
        if (coefficient !== 0) terms.push({ buffer, coefficient: factor * coefficient });
      }
    }
    return terms;
  }

  async #computed(terms: readonly Term<Buffer>[]): Promise<Buffer> {
    const { store } = this.#options;
    const buffer = store.acquire();
    try {
      if (terms.length === 0) await store.write(buffer, new Float32Array(store.length));
      else await store.combine(buffer, terms);
      return buffer;
    } catch (error) {
      store.release(buffer);
      throw error;
    }
  }

  /** What `use` makes of a combination that is computed for it alone. */
  async #computedFor<T>(
    combination: Combination,
    use: (buffer: Buffer) => T | Promise<T>,
  ): Promise<T> {
    const buffer = await this.compute(combination);
    try {
      return await use(buffer);
    } finally {
      this.#options.store.release(buffer);
    }
  }

  #own(buffer: Buffer): Held<Buffer> {
    const release = (): void => this.#options.store.release(buffer);
    return { terms: [{ buffer, coefficient: 1 }], isOwn: true, release };
  }
}
