/**
 * A generation from its body to its files: everything but waiting and replying.
 */

import { binaryMask, composed, featheredMask, maskFromPicture } from '../image/mask.ts';
import { planesFromPicture, withoutAlpha, type Picture } from '../image/picture.ts';
import { resize } from '../image/resize.ts';
import type { NamedFile } from '../jobs/job-queue.ts';
import type { Work } from '../jobs/step-times.ts';
import type { ModelEntry } from '../models/manifest.ts';
import type { GenerateRequest } from '../pipelines/generate.ts';
import { hostTensor, type HostTensor } from '../tensor/host-tensor.ts';
import type { ArtistOptions, DrawTask, ImageField } from './artist.ts';
import type { Adjuncts } from '../engine/adjuncts.ts';
import { checkNames, chooseModel } from './choose-model.ts';
import { controlOf } from './control-hints.ts';
import type { ApiContext, Call } from './context.ts';
import { finalTexts } from './enhance.ts';
import type { Drawing } from './meta.ts';
import type { ModelRegistry } from './model-registry.ts';
import { namedAdjuncts } from './named-adjuncts.ts';
import { pictureFiles } from './outputs.ts';
import { readPictures } from './request-images.ts';
import type { GenerationRequest, Operation } from './schema/request-types.ts';
import { generationRequest, type Parsed } from './schema/requests.ts';
import { SCHEDULER_NAMES } from './schema/scheduler-names.ts';
import { chosenSeed, seedOfPicture } from './schema/seed.ts';
import { drawnSize, type Size } from './schema/size.ts';
import type { ApiVersion } from './schema/versions.ts';

/** A generation that is understood and can be drawn. */
export type Generation = {
  readonly entry: ModelEntry;
  readonly drawing: Drawing;
  readonly task: DrawTask;
  readonly work: Work;
  readonly warnings: readonly string[];
  readonly tip?: string;
};

type Images = Readonly<Partial<Record<ImageField, Picture>>>;

/** Reads a body, finds its model and its images; throws EngineErrors, by field where they belong to one. */
export async function prepareGeneration(
  operation: Operation,
  { body, version, signal }: Pick<Call, 'body' | 'version' | 'signal'>,
  context: ApiContext,
): Promise<Generation> {
  const { artist, models, settings } = context;
  const { limits } = settings;
  const support = artist.support ?? {};
  const parsed = generationRequest(operation, body, { version, limits, support });
  const { entry, tip: modelTip } = chooseModel(parsed.drawn.model_id, models);
  checkNames(parsed.drawn, models);
  const request = withDefaults(parsed, entry);
  const images = await readPictures(request, context, signal);
  const { asked, drawn } = sizesOf(request, images.init_image, limits.maxSide);
  const native: Size = { width: entry.nativeSize, height: entry.nativeSize };
  const size = entry.isNativeOnly === true ? native : drawn;
  const { instancePrompt } = entry;
  const texts = await finalTexts(request, { version, instancePrompt });
  const adjuncts = namedAdjuncts(request, texts, models);
  const drawing: Drawing = {
    request,
    modelId: entry.id,
    requestedModel: parsed.request.model_id,
    prompt: texts.prompt,
    negativePrompt: texts.negativePrompt,
    seed: chosenSeed(request.seed),
    ...asked,
    filePrefix: crypto.randomUUID(),
  };
  const tips = [modelTip, sizeTip(entry, size, asked)].filter((tip) => tip !== undefined);
  return {
    entry,
    drawing,
    task: {
      generate: generateRequest(drawing, { size, images, adjuncts, models }),
      adjuncts,
      request,
      asked: parsed.request,
      images,
    },
    work: {
      model: entry.id,
      ...size,
      samples: request.samples,
      steps: request.num_inference_steps,
    },
    warnings: [...parsed.warnings, ...texts.warnings],
    ...(tips.length === 0 ? {} : { tip: tips.join(' ') }),
  };
}

/** Draws: the pictures in the size that was asked for, as files. */
export async function runGeneration(
  { entry, drawing, task }: Generation,
  version: ApiVersion,
  { artist }: Pick<ApiContext, 'artist'>,
  options: ArtistOptions,
): Promise<NamedFile[]> {
  const { width, height, request } = drawing;
  const scale = request.upscale;
  const pictures: Picture[] = [];
  for (const drawn of await artist.draw(entry, task, options)) {
    const picture = repainted(resize(drawn, { width, height }), task.images);
    const larger = { width: width * scale, height: height * scale };
    pictures.push(
      scale === 1 || artist.enlarge === undefined
        ? picture
        : resize(await artist.enlarge({ picture, scale }, options), larger),
    );
  }
  return pictureFiles(pictures, drawing, version);
}

/** What the model prefers where the client said nothing. */
function withDefaults(
  { drawn, explicit }: Parsed<GenerationRequest>,
  { defaults = {} }: ModelEntry,
): GenerationRequest {
  const { steps, guidanceScale, enhancePrompt } = defaults;
  const scheduler = SCHEDULER_NAMES.find((name) => name === defaults.scheduler);
  const preferred = {
    ...(steps === undefined ? {} : { num_inference_steps: steps }),
    ...(guidanceScale === undefined ? {} : { guidance_scale: guidanceScale }),
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(enhancePrompt === undefined ? {} : { enhance_prompt: enhancePrompt }),
  };
  const open = Object.entries(preferred).filter(([name]) => !explicit.has(name));
  return { ...drawn, ...Object.fromEntries(open) };
}

/** In which size a picture is delivered, and in which it is drawn. */
function sizesOf(
  { width, height }: GenerationRequest,
  given: Picture | undefined,
  maxSide: number,
): { asked: Size; drawn: Size } {
  if (width !== null && height !== null)
    return { asked: { width, height }, drawn: { width, height } };
  const asked = given ?? { width: 512, height: 512 };
  return {
    asked: { width: asked.width, height: asked.height },
    drawn: drawnSize(asked, maxSide),
  };
}

function sizeTip({ id, isNativeOnly }: ModelEntry, drawn: Size, asked: Size): string | undefined {
  const sizes = `${drawn.width}x${drawn.height}; the picture was resized to ${asked.width}x${asked.height}.`;
  if (isNativeOnly === true) {
    const isSame = drawn.width === asked.width && drawn.height === asked.height;
    return isSame ? undefined : `${id} draws at ${sizes}`;
  }
  const isEnlarged = Math.max(asked.width, asked.height) > Math.max(drawn.width, drawn.height) + 8;
  return isEnlarged ? `The init image is larger than what is drawn, ${sizes}` : undefined;
}

function generateRequest(
  drawing: Drawing,
  { size, images, adjuncts, models }: RequestParts,
): GenerateRequest {
  const { request, seed } = drawing;
  const loras = (adjuncts.loras ?? []).map(({ entry }) => entry.id);
  const start = startOf(request, images);
  return {
    prompt: drawing.prompt,
    negativePrompt: drawing.negativePrompt,
    ...size,
    samples: request.samples,
    steps: request.num_inference_steps,
    guidanceScale: request.guidance_scale,
    seed: Array.from({ length: request.samples }, (_, i) => seedOfPicture(seed, i)),
    scheduler: request.scheduler,
    wishes: {
      karrasSigmas: request.use_karras_sigmas,
      // The API knows it for this one alone.
      ...(request.scheduler === 'DPMSolverMultistepScheduler'
        ? { algorithm: request.algorithm_type }
        : {}),
    },
    ...(loras.length === 0 ? {} : { loras }),
    ...controlOf(request, { size, images, models }),
    // The API counts from 1, the last layer; diffusers from 0.
    clipSkip: request.clip_skip - 1,
    ...(start === undefined ? {} : { picture: signedPlanes(resize(start, size)) }),
    ...(start !== undefined && 'strength' in request ? { strength: request.strength } : {}),
    ...(start !== undefined && images.mask_image !== undefined
      ? { mask: maskTensor(images.mask_image, size) }
      : {}),
  };
}

/** What a request to the pipeline is made of beside the drawing. */
type RequestParts = {
  readonly size: Size;
  readonly images: Images;
  readonly adjuncts: Adjuncts;
  readonly models: ModelRegistry;
};

/** The picture to start from: with a ControlNet, only one that is not the hint itself. */
function startOf(request: GenerationRequest, { init_image: init }: Images): Picture | undefined {
  if (request.operation !== 'controlnet') return init;
  return request.hint_source === 'control_image' && request.strength < 1 ? init : undefined;
}

function signedPlanes(picture: Picture): HostTensor {
  const { width, height } = picture;
  return hostTensor(planesFromPicture(picture), [1, 3, height, width]);
}

/** White is repainted; the edge is where the mask's brightness is half. */
function maskTensor(mask: Picture, size: Size): HostTensor {
  const { width, height, data } = binaryMask(maskFromPicture(resize(mask, size)));
  return hostTensor(
    Float32Array.from(data, (value) => value / 255),
    [1, 1, height, width],
  );
}

/** Standard deviation of a mask's soft edge, in parts of the picture's longer side: 4 pixels of 512. */
const FEATHER = 4 / 512;

/** Outside the mask a repainted picture is the init image, to the last bit where that has the size asked for. */
function repainted(picture: Picture, { init_image: init, mask_image: mask }: Images): Picture {
  if (init === undefined || mask === undefined) return picture;
  const { width, height } = picture;
  const soft = featheredMask(
    maskFromPicture(resize(mask, { width, height })),
    FEATHER * Math.max(width, height),
  );
  const box = { left: 0, top: 0, right: width, bottom: height };
  return composed(resize(withoutAlpha(init), { width, height }), picture, soft, box);
}
