/**
 * Pictures from a prompt, or from a prompt, a picture, a mask and hints: the recipe, top to bottom.
 *
 * Matches diffusers' pipelines for Stable Diffusion 1, 2 and XL with a torch CPU generator: the same seed draws the same
 * numbers in the same order. Panoramas and self-attention guidance are not there.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { DiffusionModel } from '../models/diffusion-model.ts';
import { previewPictures } from '../models/preview.ts';
import type { JsonConfig } from '../networks/config.ts';
import type { RunTensor } from '../runtime/backend.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import { runSampling } from '../samplers/driver.ts';
import { samplerOf } from '../samplers/registry.ts';
import type { SamplingRequest } from '../samplers/sampler.ts';
import {
  schedulerConfig,
  wishedOverrides,
  type SchedulerWishes,
} from '../samplers/scheduler-config.ts';
import { repeatedBatch, type HostTensor } from '../tensor/host-tensor.ts';
import type { Embedding } from '../weights/embedding.ts';
import { encodePrompts, unguidedFactors, type PromptSyntax } from './conditioning.ts';
import type { LatentDims, Latents } from '../runtime/latents/latents.ts';
import { runNoise, type NoiseOptions, type Seeds } from './noise.ts';
import { encodePicture } from './picture-latents.ts';
import { unetConditions } from './unet-conditions.ts';
import { controller, type ControlNets, type ControlRequest } from './control.ts';
import { checkMask, inpaintingChannels, isInpaintingModel, pasting } from './inpainting.ts';
import { inLatentSpace } from './latent-space.ts';
import { ProgressTeller, type ProgressListener } from './progress.ts';

/** What to draw. */
export type GenerateRequest = {
  readonly prompt: string;
  /** How both prompts are read; default `weighted`. */
  readonly promptSyntax?: PromptSyntax;
  /** Default empty. */
  readonly negativePrompt?: string;
  /** Size in pixels, multiples of the autoencoder's scale; with a picture, the picture's. */
  readonly width: number;
  readonly height: number;
  /** Pictures, 1 to 4; default 1. */
  readonly samples?: number;
  /** Denoising steps. */
  readonly steps: number;
  /** Guidance scale; 1 and below run a plain prompt without the negative one, in half the time. */
  readonly guidanceScale: number;
  /** Of torch's CPU generator the low 32 bits count. */
  readonly seed: Seeds;
  /** Where random numbers come from; default torch's CPU generator, float32. */
  readonly noise?: NoiseOptions;
  /** diffusers' class name, such as `DDIMScheduler`. */
  readonly scheduler: string;
  /** A scheduler_config.json to use in place of the model's own. */
  readonly schedulerConfig?: JsonConfig;
  /** What the sampler is to do where it can; default what its config says. */
  readonly wishes?: SchedulerWishes;
  /** See {@link SamplingRequest.eta}; default 0. */
  readonly eta?: number;
  /** See {@link SamplingRequest.asUpstream}; default false. */
  readonly asUpstream?: SamplingRequest['asUpstream'];
  /** Encoder layers skipped for the prompt, in diffusers' numbering; default 0. */
  readonly clipSkip?: number;
  /** Words with vectors of their own (textual inversion), for both prompts. */
  readonly embeddings?: readonly Embedding[];
  /** Names of the LoRAs that the model has in it: prompts may mention these, and no others. */
  readonly loras?: readonly string[];
  /** A picture [1, 3, H, W] in [-1, 1] to start from. */
  readonly picture?: HostTensor;
  /** How far the picture is taken back to noise, 0 to 1; default 0.8. */
  readonly strength?: number;
  /** [1, 1, H, W], with a picture: 1 where it is repainted, 0 where it stays. */
  readonly mask?: HostTensor;
  /** ControlNets and the pictures that they are shown. */
  readonly control?: readonly ControlRequest[];
  /** Guess mode: ControlNets steer what is drawn for the prompt alone; default false. */
  readonly isGuess?: boolean;
};

/** Options of {@link generate}. */
export type GenerateOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Whether progress carries small pictures; default no. */
  readonly previews?: boolean | undefined;
  /** The ControlNets that a request may name. */
  readonly controlNets?: ControlNets | undefined;
};

/** What was drawn. */
export type Generated = {
  /** Pictures [B, 3, H, W] in [0, 1]. */
  readonly images: HostTensor;
  /** The finished latents [B, C, h, w], scaled as the UNet sees them. */
  readonly latents: HostTensor;
};

/**
 * Draws. When the device is lost on the way, or has no memory left beside other networks, the picture is begun again, once:
 * on a new device, or with less in memory.
 */
export async function generate(
  model: DiffusionModel,
  request: GenerateRequest,
  options: GenerateOptions = {},
): Promise<Generated> {
  check(model, request);
  try {
    return await draw(model, request, options);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    if (error.code !== 'device-lost' && error.code !== 'out-of-memory') throw error;
    return draw(model, request, options);
  }
}

async function draw(
  model: DiffusionModel,
  request: GenerateRequest,
  { signal, onProgress, previews, controlNets = new Map() }: GenerateOptions,
): Promise<Generated> {
  const {
    samples = 1,
    width,
    height,
    guidanceScale,
    steps,
    picture,
    negativePrompt = '',
  } = request;
  const { scale } = model.vae;
  const random = runNoise(request.seed, samples, request.noise);
  const { source } = random;
  const isDistilled = model.unet.config.guidanceWidth !== undefined;
  const isTrained = isInpaintingModel(model);
  const inpainted = request.mask ?? (isTrained ? everywhere(width, height) : undefined);
  const original = picture ?? (inpainted && grey(width, height));
  // All that is repainted wholly begins as noise alone.
  const given = request.strength ?? 0.8;
  const strength =
    picture === undefined || (inpainted !== undefined && given === 1) ? undefined : given;
  const file = request.schedulerConfig ?? model.schedulerConfig;
  const overrides = wishedOverrides(request.wishes ?? {});
  const config = schedulerConfig(file, { isXl: model.isXl, overrides });
  const plan = samplerOf(request.scheduler).plan(config, {
    steps,
    strength,
    eta: request.eta,
    asUpstream: request.asUpstream,
  });
  const tell = new ProgressTeller(plan, onProgress);
  const run = { signal, onProgress: tell.loading };

  tell.encoding();
  const conditioning = await encodePrompts(
    model,
    {
      prompt: request.prompt,
      negativePrompt,
      syntax: request.promptSyntax ?? 'weighted',
      samples,
      steps: Math.max(1, plan.steps),
      guidanceScale: isDistilled ? 1 : guidanceScale,
      clipSkip: request.clipSkip ?? 0,
      embeddings: request.embeddings ?? [],
      loras: request.loras ?? [],
    },
    run,
  );
  const conditionsAt = unetConditions(model, conditioning, {
    width,
    height,
    samples,
    guidanceScale,
  });
  const dims: LatentDims = [
    samples,
    model.vae.config.latentChannels,
    height / scale,
    width / scale,
  ];
  const isEncoded = picture !== undefined && (strength !== undefined || !isTrained);
  const start = isEncoded
    ? await encodePicture(model.vae, picture, { samples, source, run })
    : undefined;
  const noise = random.first(dims);
  const inpainting = original &&
    inpainted && { picture: original, mask: inpainted, dims, source, run };
  const copies = conditioning.factors.length;
  const channels = inpainting && (await inpaintingChannels(model, inpainting));
  const extra = channels && repeatedBatch(channels, copies);
  const unguided = unguidedFactors(conditioning);
  const isNegative = conditioning.isNegative.flatMap((each) => Array<boolean>(samples).fill(each));
  const controlled = controller(model, request.control ?? [], {
    nets: controlNets,
    isGuess: request.isGuess ?? false,
    isNegative,
  });

  const latents = await inLatentSpace(model, dims, async (space) => {
    const paste =
      inpainting && start && extra === undefined
        ? await pasting(space, inpainting, { picture: start.data, noise })
        : undefined;
    let stepsDone = 0;
    tell.denoising(0, 0);
    return runSampling(plan, {
      store: space.latents.store,
      source,
      noise: await space.fill(noise),
      picture: start && (await space.fill(start.data)),
      signal,
      evaluate: async ({ input, timestep, isGuided }) => {
        const sample = await space.latents.input(input, copies);
        const trunk = {
          sample: sample.value,
          timesteps: [timestep],
          ...conditionsAt(stepsDone + 1),
        };
        const { control, release } = await controlled(trunk, run);
        try {
          const predicted = await model.unet.predict(
            { ...trunk, control, ...(extra === undefined ? {} : { extra }) },
            { keepOnDevice: ['out_sample'], ...run },
          );
          return mix(space.latents, predicted, isGuided ? conditioning.factors : unguided);
        } finally {
          release();
          sample.release();
        }
      },
      onStep: async ({ done, evaluated, sample, original: seen }) => {
        stepsDone = done;
        await paste?.(sample, plan.noised(done));
        await space.latents.settle();
        const small = previews === true ? await space.latents.read(seen) : undefined;
        tell.denoising(done, evaluated, small && previewPictures(small, model.preview));
      },
    });
  });

  const images = await decode(model, latents, run, tell);
  return { images, latents };
}

/** A mask that repaints everything. */
function everywhere(width: number, height: number): HostTensor {
  return { dims: [1, 1, height, width], data: new Float32Array(height * width).fill(1) };
}

/** A picture of medium grey. */
function grey(width: number, height: number): HostTensor {
  return { dims: [1, 3, height, width], data: new Float32Array(3 * height * width) };
}

/** What the network said, each part counting as guidance and composition have it. */
function mix<Buffer>(
  latents: Latents<Buffer>,
  predicted: RunTensor,
  factors: readonly number[],
): { output: { buffer: Buffer; coefficient: number }[]; release: () => void } {
  const { value, release } = latents.output(predicted, factors.length);
  const output = value.map((buffer, i) => ({ buffer, coefficient: factors[i] as number }));
  return { output, release };
}

/** Pictures in [0, 1], one at a time: a decoder needs more memory than anything else. */
async function decode(
  model: DiffusionModel,
  latents: HostTensor,
  run: StageRunOptions,
  tell: ProgressTeller,
): Promise<HostTensor> {
  const { vae } = model;
  const [batch = 1, channels = 1, height = 1, width = 1] = latents.dims;
  const each = channels * height * width;
  const pictures: HostTensor[] = [];
  for (let i = 0; i < batch; i++) {
    tell.decoding(i, batch);
    const data = latents.data
      .slice(i * each, (i + 1) * each)
      .map((value) => value / vae.config.scalingFactor);
    const picture = await vae.decode({ dims: [1, channels, height, width], data }, run);
    pictures.push(picture as HostTensor);
  }
  tell.decoding(batch, batch);
  const [first] = pictures as [HostTensor];
  const result = new Float32Array(batch * first.data.length);
  for (const [i, { data }] of pictures.entries()) {
    result.set(
      data.map((value) => Math.min(1, Math.max(0, value / 2 + 0.5))),
      i * first.data.length,
    );
  }
  return { dims: [batch, ...first.dims.slice(1)], data: result };
}

function check(model: DiffusionModel, request: GenerateRequest): void {
  const { scale } = model.vae;
  const { width, height, steps, samples = 1, picture, mask } = request;
  const wrong = (field: string, allowed: string, value: unknown): EngineError =>
    new EngineError('invalid-argument', `${field} must be ${allowed}, got ${String(value)}`, {
      detail: { field, value },
    });
  const isSize = (value: number): boolean =>
    Number.isInteger(value) && value > 0 && value % scale === 0;
  if (!isSize(width)) throw wrong('width', `a positive multiple of ${scale}`, width);
  if (!isSize(height)) throw wrong('height', `a positive multiple of ${scale}`, height);
  if (!Number.isInteger(steps) || steps < 1) throw wrong('steps', 'a whole number from 1', steps);
  if (!Number.isInteger(samples) || samples < 1 || samples > 4)
    throw wrong('samples', 'from 1 to 4', samples);
  if (picture !== undefined && picture.dims.join() !== [1, 3, height, width].join()) {
    throw wrong('picture', `[1, 3, ${height}, ${width}]`, `[${picture.dims.join(', ')}]`);
  }
  if (mask !== undefined && picture === undefined)
    throw wrong('mask', 'given with the picture that it belongs to', 'a mask alone');
  if (mask !== undefined && picture !== undefined) checkMask(mask, picture);
}
