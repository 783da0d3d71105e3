/**
 * The schedulers that the API names, in the order of its pages, and what image tools call them.
 */

/** The eighteen names; each is the class of that name in the diffusers library. */
export const SCHEDULER_NAMES = [
  'DDPMScheduler',
  'DDIMScheduler',
  'PNDMScheduler',
  'LMSDiscreteScheduler',
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'DPMSolverMultistepScheduler',
  'HeunDiscreteScheduler',
  'KDPM2DiscreteScheduler',
  'DPMSolverSinglestepScheduler',
  'KDPM2AncestralDiscreteScheduler',
  'UniPCMultistepScheduler',
  'DDIMInverseScheduler',
  'DEISMultistepScheduler',
  'IPNDMScheduler',
  'KarrasVeScheduler',
  'ScoreSdeVeScheduler',
  'LCMScheduler',
] as const;

/** One of {@link SCHEDULER_NAMES}. */
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];

/** What draws when a request names no scheduler. */
export const DEFAULT_SCHEDULER: SchedulerName = 'UniPCMultistepScheduler';

/** What A1111's web UI calls the scheduler, and whether Karras sigmas make a difference to it. */
export const SCHEDULER_LABELS: Readonly<
  Record<SchedulerName, { readonly label: string; readonly hasKarras: boolean }>
> = {
  DDPMScheduler: { label: 'DDPM', hasKarras: false },
  DDIMScheduler: { label: 'DDIM', hasKarras: false },
  PNDMScheduler: { label: 'PLMS', hasKarras: false },
  LMSDiscreteScheduler: { label: 'LMS', hasKarras: true },
  EulerDiscreteScheduler: { label: 'Euler', hasKarras: true },
  EulerAncestralDiscreteScheduler: { label: 'Euler a', hasKarras: false },
  DPMSolverMultistepScheduler: { label: 'DPM++ 2M', hasKarras: true },
  HeunDiscreteScheduler: { label: 'Heun', hasKarras: true },
  KDPM2DiscreteScheduler: { label: 'DPM2', hasKarras: true },
  DPMSolverSinglestepScheduler: { label: 'DPM++ SDE', hasKarras: true },
  KDPM2AncestralDiscreteScheduler: { label: 'DPM2 a', hasKarras: true },
  UniPCMultistepScheduler: { label: 'UniPC', hasKarras: true },
  DDIMInverseScheduler: { label: 'DDIM Inverse', hasKarras: false },
  DEISMultistepScheduler: { label: 'DEIS', hasKarras: true },
  IPNDMScheduler: { label: 'IPNDM', hasKarras: false },
  KarrasVeScheduler: { label: 'Karras VE', hasKarras: false },
  ScoreSdeVeScheduler: { label: 'Score SDE VE', hasKarras: false },
  LCMScheduler: { label: 'LCM', hasKarras: false },
};
