/**
 * A problem with a known answer: pictures whose numbers are independent normals of one deviation c.
 *
 * The best network then says eps = sigma·x / (c² + sigma²), by which every sampler becomes linear: its sample
 * is a sum of the normals that it started from and drew. So a sample is kept as its coefficients, one for
 * each draw, and its deviation is their length, exactly, without a single random number.
 */

import type { NoiseSource } from '../../src/rng/noise-source.ts';
import { runSampling } from '../../src/samplers/driver.ts';
import { alphasCumprod, noiseTableConfig } from '../../src/samplers/noise-table.ts';
import type { Mixture, SamplingPlan } from '../../src/samplers/sampler.ts';
import { SigmaTable } from '../../src/samplers/sigmas.ts';
import { CpuStore } from '../../src/samplers/store.ts';
import { ConfigReader, type JsonConfig } from '../../src/util/config-reader.ts';

/** See the file's header. */
export class GaussianProblem {
  readonly #logSigmas: readonly number[];
  readonly #deviation: number;

  /** Pictures of `deviation`, noised as a scheduler_config.json says. */
  constructor(config: JsonConfig, deviation: number) {
    const table = new SigmaTable(alphasCumprod(noiseTableConfig(new ConfigReader('test', config))));
    this.#logSigmas = Array.from(table.sigmas, Math.log);
    this.#deviation = deviation;
  }

  /** The deviation of a mixture of picture and noise. */
  deviationAt({ picture, noise }: Mixture): number {
    return Math.hypot(picture * this.#deviation, noise);
  }

  /**
   * The deviation of the sample after each step of a plan, the last one's after all; begun with the right one, and
   * divided by what it should be.
   */
  async run(plan: SamplingPlan): Promise<number[]> {
    const store = new CpuStore(plan.timesteps.length + plan.steps + 1); // an upper bound of what is drawn
    const unit = (index: number): Float32Array<ArrayBuffer> => {
      const values = new Float32Array(store.length);
      values[index] = 1;
      return values;
    };
    let drawn = 0;
    const source: NoiseSource = { normal: () => unit(++drawn) };
    const start = { picture: 0, noise: this.deviationAt(plan.noised(0)) };
    const ratios: number[] = [];
    await runSampling(
      { ...plan, start },
      {
        store,
        source,
        noise: unit(0),
        evaluate: ({ input, timestep }) => {
          const buffer = new Float32Array(store.length);
          store.combine(buffer, input);
          const output = [{ buffer, coefficient: this.#slope(timestep) }];
          return Promise.resolve({ output });
        },
        onStep: ({ done, sample }) => {
          ratios.push(Math.hypot(...sample) / this.deviationAt(plan.noised(done)));
        },
      },
    );
    return ratios;
  }

  /** What the network says of an input of deviation 1, scaled as it sees samples, at a timestep. */
  #slope(timestep: number): number {
    const low = Math.min(Math.floor(timestep), this.#logSigmas.length - 2);
    const [from, to] = [this.#logSigmas[low]!, this.#logSigmas[low + 1]!];
    const sigma = Math.exp(from + (to - from) * (timestep - low));
    return (Math.hypot(sigma, 1) * sigma) / (this.#deviation ** 2 + sigma ** 2);
  }
}
