/**
 * A checkpoint's scheduler_config.json, as a sampler should read it.
 *
 * Any sampler may read any file: as in diffusers, what the file says counts, whichever class wrote it, and
 * what it leaves out is the reading sampler's own default, not the writing one's.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import type { DpmAlgorithm } from './dpm-solver.ts';

/** What is known besides the file. */
export type SchedulerConfigOptions = {
  /** Whether the checkpoint is of the XL family; others count timesteps from 1, whatever their file says. */
  readonly isXl: boolean;
  /** Fields that a request sets, such as `use_karras_sigmas`. */
  readonly overrides?: JsonConfig;
};

/** The file with what Stable Diffusion's pipelines, and then a request, put in place of its fields. */
export function schedulerConfig(
  file: JsonConfig,
  { isXl, overrides = {} }: SchedulerConfigOptions,
): JsonConfig {
  const forced = isXl ? {} : { steps_offset: 1, clip_sample: false };
  return { ...file, ...forced, ...overrides };
}

/** What a request may ask of any sampler; one that cannot do it does as if nothing had been asked. */
export type SchedulerWishes = {
  /** Whether sigmas are spread as by Karras et al. (2022); default what the file says. */
  readonly karrasSigmas?: boolean | undefined;
  /** Of DPM-Solvers: `dpmsolver++`, `sde-dpmsolver++` and such; default what the file says. */
  readonly algorithm?: DpmAlgorithm | undefined;
};

/** Wishes as fields of a scheduler_config.json, for {@link SchedulerConfigOptions.overrides}. */
export function wishedOverrides({ karrasSigmas, algorithm }: SchedulerWishes): JsonConfig {
  // There is one way to spread sigmas at a time.
  const others = { use_exponential_sigmas: false, use_beta_sigmas: false };
  return {
    ...(karrasSigmas === undefined ? {} : { use_karras_sigmas: karrasSigmas }),
    ...(karrasSigmas === true ? others : {}),
    ...(algorithm === undefined ? {} : { algorithm_type: algorithm }),
  };
}

/**
 * Reads a file as a sampler without some of the options: what another sampler's file says of them is not
 * for this one.
 */
export function readerWithout(
  what: string,
  config: JsonConfig,
  ...options: readonly string[]
): ConfigReader {
  const own = Object.entries(config).filter(([name]) => !options.includes(name));
  return new ConfigReader(what, Object.fromEntries(own));
}
