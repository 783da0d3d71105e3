/**
 * A checkpoint's scheduler_config.json, as a sampler should read it.
 *
 * Any sampler may read any file: as in diffusers, what the file says counts, whichever class wrote it, and
 * what it leaves out is the reading sampler's own default, not the writing one's.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';

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
