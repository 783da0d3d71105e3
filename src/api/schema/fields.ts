/**
 * Every field of a generation request: how it is read, its range and its default.
 *
 * This is the one place that knows them. Which endpoint documents which field is no matter here:
 * clients send text2img's fields to img2img and the reverse, and whatever has a meaning is honoured.
 */

import * as v from 'valibot';
import {
  choice,
  flag,
  id,
  image,
  integer,
  list,
  named,
  number,
  numbers,
  seed,
  side,
  text,
  trackId,
  upscale,
  webhook,
} from './coerce.ts';
import type { Reads } from './coerce.ts';
import { DEFAULT_SCHEDULER, SCHEDULER_NAMES } from './scheduler-names.ts';

/** Settings of who runs this: how much one request may ask for. */
export type Limits = {
  /** Longest width or height in pixels. Default 1024. */
  readonly maxSide: number;
  /** Most denoising steps. Default 100. */
  readonly maxSteps: number;
};

/** The limits where nothing else is set. */
export const DEFAULT_LIMITS: Limits = { maxSide: 1024, maxSteps: 100 };

/** Shortest width or height in pixels: eight latent pixels, the least that every UNet halves thrice. */
export const MIN_SIDE = 64;

/** The spellings of `algorithm_type`, three plus signs included, and diffusers' name for each. */
const ALGORITHMS = {
  none: 'dpmsolver++',
  no: 'dpmsolver++',
  'dpmsolver++': 'dpmsolver++',
  'dpmsolver+++': 'sde-dpmsolver++',
  'sde-dpmsolver++': 'sde-dpmsolver++',
} as const;

const SAFETY_CHECKER_TYPES = ['blur', 'sensitive_content_text', 'pixelate', 'black'] as const;

const IP_ADAPTERS = [
  'ip-adapter_sdxl',
  'ip-adapter_sd15',
  'ip-adapter-plus-face_sd15',
  'ip-adapter-plus_sdxl_vit-h',
  'ip-adapter-plus-face_sdxl_vit-h',
] as const;

/** What differs between endpoints in reading the fields. */
export type FieldOptions = {
  /** How much one request may ask for. */
  limits: Limits;
  /** What the four flags mean that are documented as "yes": the realtime endpoints say no. */
  usualFlag: boolean;
  /** Largest weight of a ControlNet. */
  maxConditioning: number;
};

/** The fields that every generation has. */
export function commonFields({ limits, usualFlag }: Omit<FieldOptions, 'maxConditioning'>) {
  return {
    /** Null: the default model, or the endpoint's own. */
    model_id: orNull(id()),
    prompt: required(text()),
    negative_prompt: v.optional(text(), ''),
    /** Pixels before {@link commonFields.upscale}. */
    width: v.optional(side(MIN_SIDE, limits.maxSide), 512),
    height: v.optional(side(MIN_SIDE, limits.maxSide), 512),
    /** Pictures; picture i is drawn from seed + i. */
    samples: v.optional(integer(1, 4), 1),
    num_inference_steps: v.optional(integer(1, limits.maxSteps), 30),
    /** At 1 the negative prompt has no effect. */
    guidance_scale: v.optional(number(1, 20), 7.5),
    /** Null: a random one. */
    seed: orNull(seed()),
    scheduler: v.optional(choice(SCHEDULER_NAMES), DEFAULT_SCHEDULER),
    use_karras_sigmas: v.optional(flag(), usualFlag),
    /** For DPMSolverMultistepScheduler alone. */
    algorithm_type: v.optional(
      named<(typeof ALGORITHMS)[keyof typeof ALGORITHMS]>(ALGORITHMS),
      'no',
    ),
    /** 1: the text encoder's last layer; n: n - 1 layers before it. */
    clip_skip: v.optional(integer(1, 8), 1),
    vae: orNull(id()),
    lora_model: v.optional(list(), []),
    /** By position in `lora_model`; one for all, and 1 where the list is too short. */
    lora_strength: v.optional(numbers(-5, 5), []),
    embeddings_model: v.optional(list(), []),
    ip_adapter_id: orNull(choice(IP_ADAPTERS)),
    ip_adapter_scale: v.optional(number(0, 1), 0.6),
    ip_adapter_image: orNull(image()),
    enhance_prompt: v.optional(flag(), usualFlag),
    enhance_style: orNull(id()),
    multi_lingual: v.optional(flag(), false),
    panorama: v.optional(flag(), false),
    self_attention: v.optional(flag(), false),
    highres_fix: v.optional(flag(), false),
    upscale: v.optional(upscale(), 1),
    tomesd: v.optional(flag(), usualFlag),
    safety_checker: v.optional(flag(), usualFlag),
    safety_checker_type: v.optional(choice(SAFETY_CHECKER_TYPES), 'sensitive_content_text'),
    base64: v.optional(flag(), false),
    /** Whether the result may be dropped after a day. */
    temp: v.optional(flag(), false),
    webhook: orNull(webhook()),
    track_id: orNull(trackId()),
    instant_response: v.optional(flag(), false),
    loadbalancer: v.optional(flag(), false),
    output_format: v.optional(choice(['png', 'jpeg']), 'png'),
  };
}

/** The fields that a generation from an image has beside the common ones. */
export function initImageFields() {
  return {
    init_image: required(image()),
    /** 1 keeps nothing of the init image; at least one step is run at 0. */
    strength: v.optional(number(0, 1), 0.7),
    fit: fit(),
  };
}

/** How images come to the size that is asked for; `keep`: the picture takes the init image's size instead. */
function fit() {
  return v.optional(choice(['stretch', 'cover', 'contain', 'keep']), 'stretch');
}

/** The fields that an inpainting has beside the common ones. White in the mask is drawn anew, black is kept. */
export function inpaintFields() {
  return {
    ...initImageFields(),
    mask_image: required(image()),
    /** Width in pixels of the mask's soft edge, as a standard deviation; null: 4 of every 512 of the longer side. */
    mask_blur: orNull(number(0, 64)),
    /** Whether the part around the mask is drawn at `width` x `height` and put back into the init image, which keeps its size. */
    inpaint_full_res: v.optional(flag(), false),
    /** How many pixels of the init image around the mask belong to that part. */
    inpaint_full_res_padding: v.optional(integer(0, 256), 32),
  };
}

/** The fields that a drawing guided by ControlNets has beside the common ones; some of those are others here. */
export function controlnetFields({ usualFlag, maxConditioning }: FieldOptions) {
  return {
    /** Required but in guess mode. */
    prompt: v.optional(text(), ''),
    /** One net or several, whose effects add up. */
    controlnet_model: required(list()),
    /** What the hint is made by: one for all nets or one for each; none: the nets' own names. */
    controlnet_type: v.optional(list(), []),
    /** Whether the hint has yet to be made of the image. */
    auto_hint: v.optional(flag(), usualFlag),
    /** Draws without a prompt what the hint suggests. */
    guess_mode: v.optional(flag(), false),
    /** By position in `controlnet_model`; one for all, and 1 where the list is too short. */
    controlnet_conditioning_scale: v.optional(numbers(0, maxConditioning), []),
    /** The start of the picture; the source of the hint where there is no control image. */
    init_image: orNull(image()),
    control_image: orNull(image()),
    mask_image: orNull(image()),
    /** Of effect with both an init image and a control image. */
    strength: v.optional(number(0, 1), 0.7),
    fit: fit(),
  };
}

/** Names that clients use in place of the documented ones. A documented name that is there wins. */
export const ALIASES: Readonly<Record<string, string>> = {
  model: 'model_id',
  embeddings: 'embeddings_model',
  lora: 'lora_model',
  clipskip: 'clip_skip',
  prompt_strength: 'strength',
  guidance: 'guidance_scale',
  steps: 'num_inference_steps',
};

/** Fields that are read elsewhere, or that clients copy from a reply: nothing need be said of them. */
export const SILENT_FIELDS: ReadonlySet<string> = new Set([
  'key',
  'full_url',
  'free_u',
  'ip_adapter',
  'watermark',
  'outdir',
  'file_prefix',
  'n_samples',
  'W',
  'H',
  'is_sdxl',
  'revision',
  'enable_attention_slicing',
]);

/** Fields whose text is free, so that the word `null` in them is a word. */
export const FREE_TEXTS: ReadonlySet<string> = new Set(['prompt', 'negative_prompt', 'track_id']);

/** A field that may be absent, and then is null. */
export function orNull<T>(schema: Reads<T>) {
  return v.optional(v.nullable(schema), null);
}

/** A field that must be there. */
export function required<T>(schema: Reads<T>): Reads<T> {
  return v.pipe(
    v.unknown(),
    v.check((value) => value !== undefined, 'is required.'),
    schema,
  );
}
