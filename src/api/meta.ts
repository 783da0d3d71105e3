/**
 * What a reply's `meta` says of a picture, and what the picture's own file says.
 *
 * Both tell what was really used, after clamping, enhancing and leaving out. Which keys a version has
 * is a table of its own, `schema/meta-keys.ts`.
 */

import type { Parameters } from '../image/parameters.ts';
import { judgeImage } from '../image/source.ts';
import type { MetaKey } from './schema/meta-keys.ts';
import type { ControlnetRequest, GenerationRequest } from './schema/request-types.ts';
import { SCHEDULER_LABELS } from './schema/scheduler-names.ts';
import { seedOfPicture } from './schema/seed.ts';
import { VERSIONS } from './schema/versions.ts';
import type { ApiVersion } from './schema/versions.ts';

/** A request with everything filled in that it left open. */
export type Drawing = {
  /** The request as it is drawn, without what was left out. */
  readonly request: GenerationRequest;
  /** The model that drew, under the id it is registered with. */
  readonly modelId: string;
  /** What the request called it; null when it named none. */
  readonly requestedModel: string | null;
  /** The final texts: after a style, enhancing and translation. */
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Seed of the first picture: 0 to 2^32 - 1. */
  readonly seed: number;
  /** Pixels before any enlarging. */
  readonly width: number;
  readonly height: number;
  /** What the names of the pictures' files have in common, without an extension. */
  readonly filePrefix: string;
};

/** A value of `meta`. */
export type MetaValue = string | number | null;

type Describe = (drawing: Drawing, request: GenerationRequest, version: ApiVersion) => MetaValue;

const yesNo = (flag: boolean): string => (flag ? 'yes' : 'no');
const joined = (list: readonly (string | number)[]): string | null => {
  return list.length === 0 ? null : list.join(',');
};
/** The address of an image; null for one that was sent itself, for that may be megabytes. */
const address = (image: string | Blob | null): string | null => {
  if (typeof image !== 'string') return null;
  const judgement = judgeImage(image);
  return 'kind' in judgement && judgement.kind === 'url' ? image.trim() : null;
};

function ofControlnet(describe: (request: ControlnetRequest) => MetaValue): Describe {
  return (_, request) => (request.operation === 'controlnet' ? describe(request) : null);
}

const META: Readonly<Record<MetaKey, Describe>> = {
  prompt: ({ prompt }) => prompt,
  negative_prompt: ({ negativePrompt }) => negativePrompt,
  model_id: ({ modelId }) => modelId,
  model: ({ modelId }) => modelId,
  scheduler: (_, { scheduler }) => scheduler,
  W: ({ width }) => width,
  H: ({ height }) => height,
  width: ({ width }) => width,
  height: ({ height }) => height,
  safetychecker: (_, request) => yesNo(request.safety_checker),
  safety_checker: (_, request) => yesNo(request.safety_checker),
  safety_checker_type: (_, request) => request.safety_checker_type,
  guidance_scale: (_, request) => request.guidance_scale,
  seed: ({ seed }) => seed,
  steps: (_, request) => request.num_inference_steps,
  n_samples: (_, { samples }) => samples,
  strength: (_, request) => ('strength' in request ? request.strength : null),
  init_image: (_, request) => ('init_image' in request ? address(request.init_image) : null),
  mask_image: (_, request) => ('mask_image' in request ? address(request.mask_image) : null),
  control_image: (_, request) =>
    'control_image' in request ? address(request.control_image) : null,
  controlnet_model: ofControlnet(({ controlnet_model: nets }) => nets.join(',')),
  controlnet_type: ofControlnet(({ controlnet_type: types }) => types.join(',')),
  auto_hint: ofControlnet(({ auto_hint: flag }) => yesNo(flag)),
  guess_mode: ofControlnet(({ guess_mode: flag }) => yesNo(flag)),
  // Text, as on the API's pages.
  controlnet_conditioning_scale: ofControlnet(({ controlnet_conditioning_scale: scales }) =>
    scales.join(','),
  ),
  upscale: (_, { upscale }) => (upscale === 1 ? 'no' : String(upscale)),
  multi_lingual: (_, request) => yesNo(request.multi_lingual),
  panorama: (_, { panorama }) => yesNo(panorama),
  self_attention: (_, request) => yesNo(request.self_attention),
  tomesd: (_, { tomesd }) => yesNo(tomesd),
  use_karras_sigmas: (_, request) => yesNo(request.use_karras_sigmas),
  // The API's spelling has three plus signs, and "no" for its default.
  algorithm_type: (_, request) => {
    return request.algorithm_type === 'sde-dpmsolver++' ? 'dpmsolver+++' : 'no';
  },
  clip_skip: (_, request) => request.clip_skip,
  vae: (_, { vae }) => vae,
  lora: (_, request) => joined(request.lora_model),
  lora_strength: (_, request) => joined(request.lora_strength) ?? 1,
  embeddings: (_, request) => joined(request.embeddings_model),
  ip_adapter_id: (_, request) => request.ip_adapter_id,
  ip_adapter_scale: (_, request) => request.ip_adapter_scale,
  ip_adapter_image: (_, request) => address(request.ip_adapter_image),
  enhance_prompt: (_, request) => yesNo(request.enhance_prompt),
  enhance_style: (_, request) => request.enhance_style,
  instant_response: (_, request) => yesNo(request.instant_response),
  temp: (_, { temp }) => yesNo(temp),
  base64: (_, { base64 }) => yesNo(base64),
  file_prefix: ({ filePrefix }, request, version) => {
    const extension = request.output_format === 'jpeg' ? '.jpg' : '.png';
    return VERSIONS[version].prefixHasExtension ? filePrefix + extension : filePrefix;
  },
  // What follows says nothing here, and is there for clients that look for it.
  full_url: () => 'no',
  watermark: () => 'no',
  outdir: () => 'out',
  revision: () => 'fp16',
  enable_attention_slicing: () => 'true',
};

/** The `meta` of a reply, with exactly the keys of the version. */
export function generationMeta(drawing: Drawing, version: ApiVersion): Record<string, MetaValue> {
  const { request } = drawing;
  const keys = VERSIONS[version].meta[request.operation];
  const { requestedModel, modelId } = drawing;
  return {
    ...Object.fromEntries(keys.map((key) => [key, META[key](drawing, request, version)])),
    // Beside the documented keys: which name the client used for a model that is called otherwise here.
    ...(requestedModel === null || requestedModel === modelId
      ? {}
      : { requested_model_id: requestedModel }),
  };
}

/** How the picture `index` of a drawing was made, for its file. */
export function pictureParameters(drawing: Drawing, index: number): Parameters {
  const { request, prompt, negativePrompt, seed, width, height, modelId } = drawing;
  const { label, hasKarras } = SCHEDULER_LABELS[request.scheduler];
  const isSde =
    request.scheduler === 'DPMSolverMultistepScheduler' &&
    request.algorithm_type === 'sde-dpmsolver++';
  return {
    prompt,
    negativePrompt,
    settings: {
      Steps: request.num_inference_steps,
      Sampler: isSde ? `${label} SDE` : label,
      'Schedule type': hasKarras && request.use_karras_sigmas ? 'Karras' : undefined,
      'CFG scale': request.guidance_scale,
      Seed: seedOfPicture(seed, index),
      Size: `${width}x${height}`,
      Model: modelId,
      'Denoising strength': 'strength' in request ? request.strength : undefined,
      ...inpaintSettings(request),
      'Clip skip': request.clip_skip === 1 ? undefined : request.clip_skip,
    },
  };
}

/** As A1111's web UI names them. */
function inpaintSettings(request: GenerationRequest): Parameters['settings'] {
  if (request.operation !== 'inpaint') return {};
  const { mask_blur: blur, inpaint_full_res: isPart, inpaint_full_res_padding: padding } = request;
  return {
    'Mask blur': blur ?? undefined,
    'Inpaint area': isPart ? 'Only masked' : undefined,
    'Masked area padding': isPart ? padding : undefined,
  };
}
