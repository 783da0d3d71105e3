/**
 * Every sampler by its name, which is that of diffusers' class and of the HTTP API.
 */

import { EngineError } from '../errors.ts';
import { ddim } from './ddim.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { lcm } from './lcm.ts';
import type { Sampler } from './sampler.ts';
import { unipc } from './unipc.ts';

const SAMPLERS = {
  DDIMScheduler: ddim,
  EulerAncestralDiscreteScheduler: eulerAncestral,
  UniPCMultistepScheduler: unipc,
  LCMScheduler: lcm,
} as const satisfies Record<string, Sampler>;

/** A sampler's name. */
export type SamplerName = keyof typeof SAMPLERS;

/** All names, in the order in which the API lists them. */
export const SAMPLER_NAMES = Object.keys(SAMPLERS) as readonly SamplerName[];

/** Whether there is a sampler of that name. */
export function isSamplerName(name: string): name is SamplerName {
  return Object.hasOwn(SAMPLERS, name);
}

/** The sampler of a name; throws EngineError `unsupported` when there is none. */
export function samplerOf(name: string): Sampler {
  if (isSamplerName(name)) return SAMPLERS[name];
  throw new EngineError(
    'unsupported',
    `Unknown scheduler "${name}". There are ${SAMPLER_NAMES.join(', ')}.`,
    { detail: { name, known: [...SAMPLER_NAMES] } },
  );
}
