/**
 * A generation from its body to its files: everything but waiting and replying.
 */

import type { Picture } from '../image/picture.ts';
import type { NamedFile } from '../jobs/job-queue.ts';
import type { Work } from '../jobs/step-times.ts';
import type { ModelEntry } from '../models/manifest.ts';
import type { GenerateRequest } from '../pipelines/generate.ts';
import type { ArtistOptions, DrawTask, ImageField } from './artist.ts';
import type { Adjuncts } from '../engine/adjuncts.ts';
import { canvasOf, maskTensor, pictureTensor, type Canvas } from './canvas.ts';
import { checkNames, chooseModel, chooseUpscaler, type ChosenUpscaler } from './choose-model.ts';
import { controlOf } from './control-hints.ts';
import type { ApiContext, Call } from './context.ts';
import { finalTexts } from './enhance.ts';
import type { Drawing } from './meta.ts';
import type { ModelRegistry } from './model-registry.ts';
import { namedAdjuncts } from './named-adjuncts.ts';
import { pictureFiles } from './outputs.ts';
import { readPictures } from './request-images.ts';
import type { GenerationRequest, Operation } from './schema/request-types.ts';
import { DEFAULT_UPSCALER } from './schema/tool-fields.ts';
import { generationRequest, type Parsed } from './schema/requests.ts';
import { SCHEDULER_NAMES } from './schema/scheduler-names.ts';
import { chosenSeed, seedOfPicture } from './schema/seed.ts';
import type { Size } from './schema/size.ts';
import type { ApiVersion } from './schema/versions.ts';

/** A generation that is understood and can be drawn. */
export type Generation = {
  readonly entry: ModelEntry;
  readonly drawing: Drawing;
  readonly task: DrawTask;
  readonly canvas: Canvas;
  /** What enlarges the pictures; undefined: nothing but a filter. */
  readonly upscaler: ChosenUpscaler | undefined;
  /** Factor by which it enlarges what was drawn before that is laid on the canvas; 1: not at all. */
  readonly growth: number;
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
  const { maxSide } = limits;
  const { nativeSize, isNativeOnly } = entry;
  const sides = isNativeOnly === true ? { maxSide, nativeSize } : { maxSide };
  const canvas = canvasOf(request, images, sides);
  const { delivered, drawn } = canvas;
  const named = entry.upscaler ?? DEFAULT_UPSCALER;
  const growth = growthOf(entry, canvas, models);
  const isEnlarged = request.upscale > 1 || growth > 1;
  const upscaler = isEnlarged ? chooseUpscaler(named, 'upscale', models) : undefined;
  const { instancePrompt } = entry;
  const texts = await finalTexts(request, { version, instancePrompt });
  const adjuncts = namedAdjuncts(request, texts, models, entry);
  const drawing: Drawing = {
    request,
    modelId: entry.id,
    requestedModel: parsed.request.model_id,
    prompt: texts.prompt,
    negativePrompt: texts.negativePrompt,
    seed: chosenSeed(request.seed),
    ...delivered,
    filePrefix: crypto.randomUUID(),
  };
  const tips = [modelTip, sizeTip(entry, request, canvas)].filter((tip) => tip !== undefined);
  return {
    entry,
    drawing,
    task: {
      generate: generateRequest(drawing, { canvas, images, adjuncts, models }),
      adjuncts,
      upscaler: upscaler?.entry,
      request,
      asked: parsed.request,
      images,
    },
    canvas,
    upscaler,
    growth,
    work: {
      model: entry.id,
      ...drawn,
      samples: request.samples,
      steps: request.num_inference_steps,
    },
    warnings: [...parsed.warnings, ...texts.warnings],
    ...(tips.length === 0 ? {} : { tip: tips.join(' ') }),
  };
}

/** Draws: the pictures in the size that was asked for, as files. */
export async function runGeneration(
  { entry, drawing, task, canvas, upscaler, growth }: Generation,
  version: ApiVersion,
  { artist }: Pick<ApiContext, 'artist'>,
  options: ArtistOptions,
): Promise<NamedFile[]> {
  const { upscale, samples } = drawing.request;
  const part = shareOf(upscaler === undefined ? 1 : DRAWING_SHARE, 0, options);
  const drawn = await artist.draw(entry, task, part);
  if (upscaler === undefined) return pictureFiles(drawn.map(canvas.finished), drawing, version);
  const scales = [growth, upscale].filter((scale) => scale > 1);
  const each = (1 - DRAWING_SHARE) / samples / scales.length;
  let enlargings = 0;
  const enlarged = async (picture: Picture, scale: number): Promise<Picture> => {
    if (scale <= 1) return picture;
    const enlarging = shareOf(each, DRAWING_SHARE + enlargings++ * each, options);
    return artist.enlarge({ picture, scale, ...upscaler }, enlarging);
  };
  const pictures: Picture[] = [];
  for (const picture of drawn) {
    pictures.push(await enlarged(canvas.finished(await enlarged(picture, growth)), upscale));
  }
  return pictureFiles(pictures, drawing, version);
}

/** What draws at one size alone has its upscaler, where that is here, enlarge what is delivered larger. */
function growthOf(
  { isNativeOnly, upscaler }: ModelEntry,
  { drawn, placed }: Canvas,
  models: ModelRegistry,
): number {
  if (isNativeOnly !== true || upscaler === undefined) return 1;
  if (!models.adjuncts('upscaler').includes(upscaler)) return 1;
  return Math.max(1, placed.width / drawn.width, placed.height / drawn.height);
}

/** How much of a run the drawing counts for where pictures are enlarged afterwards. */
const DRAWING_SHARE = 0.6;

/** Options that tell progress as a part of the whole, from `start` on. */
function shareOf(share: number, start: number, options: ArtistOptions): ArtistOptions {
  const { onProgress } = options;
  return {
    ...options,
    onProgress:
      onProgress && ((news) => onProgress({ ...news, progress: start + share * news.progress })),
  };
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

function sizeTip(
  { id, isNativeOnly }: ModelEntry,
  request: GenerationRequest,
  { drawn, delivered }: Canvas,
): string | undefined {
  // A part of the picture has no size that anybody asked for.
  if ('inpaint_full_res' in request && request.inpaint_full_res) return undefined;
  const sizes = `${drawn.width}x${drawn.height}; the picture was resized to ${delivered.width}x${delivered.height}.`;
  if (isNativeOnly === true) {
    const isSame = drawn.width === delivered.width && drawn.height === delivered.height;
    return isSame ? undefined : `${id} draws at ${sizes}`;
  }
  const longest = ({ width, height }: Size): number => Math.max(width, height);
  const isEnlarged = longest(delivered) > longest(drawn) + 8;
  return isEnlarged ? `The init image is larger than what is drawn, ${sizes}` : undefined;
}

function generateRequest(
  drawing: Drawing,
  { canvas, images, adjuncts, models }: RequestParts,
): GenerateRequest {
  const { request, seed } = drawing;
  const loras = (adjuncts.loras ?? []).map(({ entry }) => entry.id);
  const start = startOf(request, images);
  return {
    prompt: drawing.prompt,
    negativePrompt: drawing.negativePrompt,
    ...canvas.drawn,
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
    ...controlOf(request, { canvas, images, models, seed }),
    // The API counts from 1, the last layer; diffusers from 0.
    clipSkip: request.clip_skip - 1,
    ...(start === undefined ? {} : { picture: pictureTensor(canvas.beneath(start)) }),
    ...(start !== undefined && 'strength' in request ? { strength: request.strength } : {}),
    ...(start !== undefined && canvas.mask !== undefined ? { mask: maskTensor(canvas.mask) } : {}),
  };
}

/** What a request to the pipeline is made of beside the drawing. */
type RequestParts = {
  readonly canvas: Canvas;
  readonly images: Images;
  readonly adjuncts: Adjuncts;
  readonly models: ModelRegistry;
};

/** The picture to start from: with a ControlNet, only one that is not the hint itself. */
function startOf(request: GenerationRequest, { init_image: init }: Images): Picture | undefined {
  if (request.operation !== 'controlnet') return init;
  return request.hint_source === 'control_image' && request.strength < 1 ? init : undefined;
}
