/**
 * The keys of `meta` in replies, by version, in the order in which the API's pages print them.
 *
 * Clients rely on them: one derives an id from `file_prefix`, typed ones fail on a key of another kind.
 * What the keys hold is said in `../meta.ts`.
 */

import type { Operation } from './request-types.ts';

/** Everything that any version's `meta` holds. */
export type MetaKey =
  | ('prompt' | 'model_id' | 'negative_prompt' | 'scheduler' | 'W' | 'H' | 'width' | 'height')
  | ('safetychecker' | 'safety_checker' | 'safety_checker_type' | 'guidance_scale' | 'seed')
  | ('steps' | 'n_samples' | 'full_url' | 'upscale' | 'multi_lingual' | 'panorama' | 'strength')
  | ('self_attention' | 'embeddings' | 'lora' | 'lora_strength' | 'outdir' | 'file_prefix')
  | ('init_image' | 'enable_attention_slicing' | 'model' | 'revision' | 'vae' | 'tomesd')
  | ('use_karras_sigmas' | 'algorithm_type' | 'instant_response' | 'ip_adapter_id' | 'clip_skip')
  | ('ip_adapter_scale' | 'ip_adapter_image' | 'enhance_prompt' | 'enhance_style' | 'watermark')
  | ('temp' | 'base64' | 'mask_image' | 'control_image' | 'controlnet_model' | 'controlnet_type')
  | ('auto_hint' | 'guess_mode' | 'controlnet_conditioning_scale');

/** The keys by operation. */
export type MetaKeys = Readonly<Record<Operation, readonly MetaKey[]>>;

/** Splits a list that is written as on the pages. */
function keys(list: string): readonly MetaKey[] {
  return list.trim().split(/\s+/) as MetaKey[];
}

const V3_TEXT2IMG = keys(`H W enable_attention_slicing file_prefix guidance_scale model n_samples
  negative_prompt outdir prompt revision safetychecker seed steps vae`);

/** ControlNet's of 2023, which the enterprise paths have kept. */
const CONTROLNET_2023 =
  keys(`prompt model_id controlnet_model controlnet_type negative_prompt scheduler
  safetychecker auto_hint guess_mode strength W H guidance_scale seed multi_lingual init_image
  mask_image steps full_url upscale n_samples embeddings lora outdir file_prefix`);

/** v3: one model, hence no name of it, and no scheduler. */
export const V3_META: MetaKeys = {
  text2img: V3_TEXT2IMG,
  img2img: V3_TEXT2IMG,
  inpaint:
    keys(`H W file_prefix guidance_scale init_image mask_image n_samples negative_prompt outdir
    prompt safetychecker seed steps strength`),
  controlnet: CONTROLNET_2023,
};

/** v3/dreambooth, with the three flags that its newer replies have. */
export const V3_DREAMBOOTH_META: MetaKeys = {
  text2img: keys(`H W embeddings file_prefix full_url guidance_scale lora model_id multi_lingual
    n_samples negative_prompt outdir panorama prompt safetychecker scheduler seed self_attention
    steps upscale`),
  img2img: keys(`H W file_prefix full_url guidance_scale init_image model_id n_samples
    negative_prompt outdir prompt safetychecker scheduler seed steps strength upscale`),
  inpaint: keys(`H W file_prefix full_url guidance_scale init_image mask_image model_id n_samples
    negative_prompt outdir prompt safetychecker scheduler seed steps upscale`),
  controlnet: CONTROLNET_2023,
};

const V4_IMG2IMG = keys(`prompt model_id scheduler safetychecker negative_prompt W H guidance_scale
  init_image steps n_samples strength multi_lingual full_url upscale seed outdir file_prefix`);

const V4_INPAINT = keys(`prompt model_id scheduler safetychecker negative_prompt W H guidance_scale
  init_image mask_image multi_lingual steps n_samples full_url upscale seed outdir file_prefix`);

/** v4, of its two generations the older one. */
export const V4_META: MetaKeys = {
  text2img: keys(`prompt model_id negative_prompt scheduler safetychecker W H guidance_scale seed
    steps n_samples full_url upscale multi_lingual panorama self_attention embeddings lora outdir
    file_prefix`),
  img2img: V4_IMG2IMG,
  inpaint: V4_INPAINT,
  controlnet: CONTROLNET_2023,
};

/** v1/enterprise: text2img mixes the keys of v3 and v4. */
export const ENTERPRISE_META: MetaKeys = {
  text2img: keys(`prompt model_id negative_prompt scheduler revision safetychecker W H
    enable_attention_slicing file_prefix guidance_scale seed steps n_samples upscale multi_lingual
    panorama self_attention embeddings lora outdir vae`),
  img2img: V4_IMG2IMG,
  inpaint: V4_INPAINT,
  controlnet: CONTROLNET_2023,
};

const V6_IMG2IMG = keys(`prompt model_id scheduler safety_checker negative_prompt W H guidance_scale
  init_image steps n_samples strength multi_lingual tomesd use_karras_sigmas algorithm_type
  safety_checker_type instant_response full_url upscale vae ip_adapter_id enhance_prompt
  enhance_style ip_adapter_scale ip_adapter_image lora lora_strength embeddings seed outdir
  file_prefix clip_skip watermark temp base64`);

/** v6: text2img has what img2img has, less what only an init image brings. */
export const V6_META: MetaKeys = {
  text2img: V6_IMG2IMG.filter((key) => key !== 'init_image' && key !== 'strength'),
  img2img: V6_IMG2IMG,
  inpaint: V6_IMG2IMG.filter((key) => key !== 'multi_lingual').toSpliced(
    V6_IMG2IMG.indexOf('init_image') + 1,
    0,
    'mask_image',
  ),
  controlnet: keys(`prompt model_id controlnet_model controlnet_type negative_prompt scheduler
    safety_checker auto_hint guess_mode strength W H guidance_scale controlnet_conditioning_scale seed
    multi_lingual use_karras_sigmas algorithm_type safety_checker_type instant_response tomesd
    init_image mask_image control_image vae steps full_url upscale n_samples ip_adapter_id
    ip_adapter_scale ip_adapter_image enhance_prompt enhance_style embeddings lora lora_strength
    watermark temp base64 clip_skip file_prefix`),
};

const REALTIME_TEXT2IMG = keys(`base64 enhance_prompt enhance_style file_prefix guidance_scale
  height instant_response n_samples negative_prompt outdir prompt safety_checker
  safety_checker_type seed temp width`);

/** Realtime: the size under its plain names. */
export const REALTIME_META: MetaKeys = {
  text2img: REALTIME_TEXT2IMG,
  img2img: [...REALTIME_TEXT2IMG, 'init_image', 'strength'],
  inpaint: [...REALTIME_TEXT2IMG, 'init_image', 'mask_image', 'strength'],
  controlnet: V6_META.controlnet,
};
