/**
 * Every sampler by its name, which is that of diffusers' class and of the HTTP API.
 */

import { EngineError } from '../errors.ts';
import { ddimInverse } from './ddim-inverse.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { deis } from './deis.ts';
import { dpmMultistep } from './dpm-multistep.ts';
import { dpmSinglestep } from './dpm-singlestep.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { euler } from './euler.ts';
import { heun } from './heun.ts';
import { ipndm } from './ipndm.ts';
import { karrasVe } from './karras-ve.ts';
import { kdpm2, kdpm2Ancestral } from './kdpm2.ts';
import { lcm } from './lcm.ts';
import { lms } from './lms.ts';
import { pndm } from './pndm.ts';
import type { Sampler } from './sampler.ts';
import { scoreSdeVe } from './score-sde-ve.ts';
import { unipc } from './unipc.ts';

const SAMPLERS = {
  DDPMScheduler: ddpm,
  DDIMScheduler: ddim,
  PNDMScheduler: pndm,
  LMSDiscreteScheduler: lms,
  EulerDiscreteScheduler: euler,
  EulerAncestralDiscreteScheduler: eulerAncestral,
  DPMSolverMultistepScheduler: dpmMultistep,
  HeunDiscreteScheduler: heun,
  KDPM2DiscreteScheduler: kdpm2,
  DPMSolverSinglestepScheduler: dpmSinglestep,
  KDPM2AncestralDiscreteScheduler: kdpm2Ancestral,
  UniPCMultistepScheduler: unipc,
  DDIMInverseScheduler: ddimInverse,
  DEISMultistepScheduler: deis,
  IPNDMScheduler: ipndm,
  KarrasVeScheduler: karrasVe,
  ScoreSdeVeScheduler: scoreSdeVe,
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
