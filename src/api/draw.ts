/**
 * Answers one text2img or img2img body: reads it, draws it with a model, writes the reply.
 *
 * HTTP, queues and storage are not its business: pictures are handed to `publish`, which says under what address the
 * reply shall name them.
 */

import { EngineError } from '../errors.ts';
import { decodeImage } from '../image/decode.ts';
import { PARAMETERS_KEYWORD, parametersText } from '../image/parameters.ts';
import { pictureFromPlanes, planesFromPicture, type Picture } from '../image/picture.ts';
import { encodePng } from '../image/png.ts';
import { resize } from '../image/resize.ts';
import { readImage, type ReadImageOptions } from '../image/source.ts';
import type { Generated, GenerateOptions, GenerateRequest } from '../pipelines/generate.ts';
import { hostTensor, type HostTensor } from '../tensor/host-tensor.ts';
import { pictureParameters, type Drawing } from './meta.ts';
import {
  bodyOfError,
  ERROR_MESSAGES,
  successBody,
  type ErrorBody,
  type SuccessBody,
} from './response.ts';
import type { GenerationRequest } from './schema/request-types.ts';
import { img2imgRequest, text2imgRequest, type Parsed } from './schema/requests.ts';
import { chosenSeed, seedOfPicture } from './schema/seed.ts';
import { drawnSize, type Size } from './schema/size.ts';

/** A model that can be asked for. */
export type ServedModel = {
  /** What requests call it. */
  readonly id: string;
  /** Edge in pixels of the pictures it was trained on. */
  readonly nativeSize: number;
  /** Draws: in this thread or behind a worker's boundary. */
  readonly generate: (request: GenerateRequest, options: GenerateOptions) => Promise<Generated>;
  /** It draws at its native size alone: other sizes are enlarged or reduced from that. */
  readonly isNativeOnly: boolean;
};

/** Options of {@link draw}. */
export type DrawOptions = GenerateOptions & {
  readonly operation: GenerationRequest['operation'];
  /** The first one answers requests that name no model. */
  readonly models: readonly [ServedModel, ...ServedModel[]];
  /** The job's number. */
  readonly id: number;
  /** Keeps a PNG file and gives the address that the reply names. */
  readonly publish: (png: Uint8Array<ArrayBuffer>, name: string) => Promise<string>;
  /** Gets an init image from an address; default the platform's `fetch`. */
  readonly fetch?: ReadImageOptions['fetch'];
};

const VERSION = 'v4';

/** The reply to a body; never throws but for an abort, whose reason it passes on. */
export async function draw(body: unknown, options: DrawOptions): Promise<SuccessBody | ErrorBody> {
  const began = performance.now();
  try {
    const parsed = options.operation === 'text2img' ? text2imgRequest(body) : img2imgRequest(body);
    return await answer(parsed, options, began);
  } catch (error) {
    options.signal?.throwIfAborted();
    return bodyOfError(error, VERSION);
  }
}

async function answer(
  { drawn: request, warnings }: Parsed<GenerationRequest>,
  options: DrawOptions,
  began: number,
): Promise<SuccessBody> {
  const served = findModel(request.model_id, options.models);
  const given =
    request.operation === 'img2img' ? await initImage(request.init_image, options) : undefined;
  const asked = askedSize(request, given);
  const native = { width: served.nativeSize, height: served.nativeSize };
  const size = served.isNativeOnly ? native : asked;
  const seed = chosenSeed(request.seed);
  const generated = await served.generate(
    {
      prompt: request.prompt,
      negativePrompt: request.negative_prompt,
      ...size,
      samples: request.samples,
      steps: request.num_inference_steps,
      guidanceScale: request.guidance_scale,
      seed: Array.from({ length: request.samples }, (_, i) => seedOfPicture(seed, i)),
      scheduler: request.scheduler,
      wishes: { karrasSigmas: request.use_karras_sigmas, algorithm: request.algorithm_type },
      // The API counts from 1, the last layer; diffusers from 0.
      clipSkip: request.clip_skip - 1,
      ...(given === undefined ? {} : { picture: signedPlanes(resize(given, size)) }),
      ...(request.operation === 'img2img' ? { strength: request.strength } : {}),
    },
    options,
  );
  const filePrefix = `${served.id}-${options.id}`;
  const drawing: Drawing = {
    request,
    modelId: served.id,
    prompt: request.prompt,
    negativePrompt: request.negative_prompt,
    seed,
    ...asked,
    filePrefix,
  };
  const output: string[] = [];
  for (const [index, picture] of picturesOf(generated).entries()) {
    const text = { [PARAMETERS_KEYWORD]: parametersText(pictureParameters(drawing, index)) };
    const png = await encodePng(resize(picture, asked), text);
    output.push(await options.publish(png, `${filePrefix}-${index}.png`));
  }
  const isResized = size.width !== asked.width || size.height !== asked.height;
  return successBody({
    version: VERSION,
    id: options.id,
    drawing,
    warnings,
    seconds: (performance.now() - began) / 1000,
    output,
    ...(isResized ? { tip: resizedTip(served.id, size, asked) } : {}),
  });
}

function findModel(id: string | null, models: DrawOptions['models']): ServedModel {
  const found = id === null ? models[0] : models.find((model) => model.id === id);
  if (found !== undefined) return found;
  const known = models.map((model) => model.id).join(', ');
  throw new EngineError(
    'invalid-argument',
    `${ERROR_MESSAGES.modelUnknown}: ${String(id)}. The models here are: ${known}.`,
    {
      detail: { model_id: id, known },
    },
  );
}

async function initImage(image: string | Blob, { fetch, signal }: DrawOptions): Promise<Picture> {
  const field = 'init_image';
  const blob = await readImage(image, {
    field,
    ...(fetch === undefined ? {} : { fetch }),
    ...(signal === undefined ? {} : { signal }),
  });
  return decodeImage(blob, field);
}

function askedSize(request: GenerationRequest, given: Picture | undefined): Size {
  const { width, height } = request;
  if (width !== null && height !== null) return { width, height };
  return drawnSize(given ?? { width: 512, height: 512 }, 1024);
}

function signedPlanes(picture: Picture): HostTensor {
  const { width, height } = picture;
  return hostTensor(planesFromPicture(picture), [1, 3, height, width]);
}

function picturesOf({ images }: Generated): Picture[] {
  const [batch = 1, , height = 1, width = 1] = images.dims;
  const each = images.data.length / batch;
  return Array.from({ length: batch }, (_, i) => {
    const planes = images.data.slice(i * each, (i + 1) * each).map((value) => value * 2 - 1);
    return pictureFromPlanes(planes, { width, height });
  });
}

function resizedTip(model: string, drawn: Size, asked: Size): string {
  return `${model} draws at ${drawn.width}x${drawn.height}; the picture was resized to the ${asked.width}x${asked.height} that were asked for.`;
}
