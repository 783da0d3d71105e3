/**
 * The cases of `pipelines.json` (whole runs on the tiny checkpoints) and of `embedded.json` (on the embedded model).
 */

import { ControlNet } from '../../src/models/controlnet.ts';
import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import type { ModelFolder } from '../../src/models/folder-parts.ts';
import type { JsonConfig } from '../../src/networks/config.ts';
import { generate, type GenerateRequest } from '../../src/pipelines/generate.ts';
import {
  hostTensor,
  toChannelsFirst,
  toChannelsLast,
  type HostTensor,
} from '../../src/tensor/host-tensor.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { openGolden, type GoldenFile } from '../goldens/golden-file.ts';
import type { Comparison, ConformanceCase, Setting } from './case.ts';
import type { GoldenFolder, ReadFile } from './folder.ts';
import { goldenTensor, remembered } from './support.ts';

/** What the files say of a run. */
export type GoldenRun = {
  readonly name: string;
  readonly pipeline?: string;
  readonly scheduler: string;
  readonly seed: number;
  readonly prompt?: string;
  readonly negative_prompt?: string;
  readonly guidance_scale: number;
  readonly num_inference_steps: number;
  readonly num_images_per_prompt?: number;
  readonly width?: number;
  readonly height?: number;
  readonly strength?: number;
  readonly use_karras_sigmas?: 'yes' | 'no';
  readonly controlnet_conditioning_scale?: number;
};

/** What such a file lists. */
export type Runs = { runs: GoldenRun[] };

/** The scheduler_config.json that Stable Diffusion 1.5 is published with, on which these runs are based. */
const SD15_SCHEDULER: JsonConfig = {
  _class_name: 'PNDMScheduler',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};

const CONTROL_NET = 'tiny-controlnet';

/** Of a picture: mean absolute difference, in a range of 1. */
const IMAGE_TOLERANCE = 2 / 255;

function latentTolerance({ precision }: Setting): number {
  return precision === 'float16' ? 3e-2 : 1e-3;
}

/** All cases of `pipelines.json`; what no pipeline here can do yet is a case that fails. */
export async function pipelinesCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden<Runs>(folder.read, 'pipelines');
  const opening = (name: string): ((runtime: Runtime) => Promise<DiffusionModel>) =>
    remembered((runtime) =>
      DiffusionModel.open(runtime, modelFolder(name, folder.read, `${name}/`)),
    );
  const open = {
    sd15: opening('tiny-sd15'),
    xl: opening('tiny-sdxl'),
    inpaint: opening('tiny-inpaint'),
    controlNet: remembered(
      async (runtime) =>
        new ControlNet(
          runtime,
          await folder.json(`${CONTROL_NET}/config.json`),
          await folder.checkpoint(CONTROL_NET),
        ),
    ),
  };
  return golden.json.runs.map((run) => {
    const isXl = run.pipeline === 'StableDiffusionXLPipeline';
    const family = isXl ? 'xl' : run.name.endsWith('/9ch') ? 'inpaint' : 'sd15';
    const { controlNet } = open;
    return pipelineCase(golden, run, { setting, open: open[family], controlNet });
  });
}

/** How a run of `pipelines.json` is computed. */
export type PipelineCaseOptions = {
  readonly setting: Setting;
  readonly open: (runtime: Runtime) => Promise<DiffusionModel>;
  /** For runs that ask for one. */
  readonly controlNet?: (runtime: Runtime) => Promise<ControlNet>;
  /** Default that of Stable Diffusion 1.5. */
  readonly schedulerConfig?: JsonConfig;
  /** What the case's name begins with; default `pipelines`. */
  readonly prefix?: string;
};

/** The case of one run of `pipelines.json`. */
export function pipelineCase(
  golden: GoldenFile<Runs>,
  run: GoldenRun,
  options: PipelineCaseOptions,
): ConformanceCase {
  const { setting, open, controlNet, prefix = 'pipelines' } = options;
  const { schedulerConfig = SD15_SCHEDULER } = options;
  return {
    name: `${prefix}/${run.name}`,
    tolerance: latentTolerance(setting),
    run: async (runtime) => {
      const request = pipelineRequest(golden, run);
      const net = request.control === undefined ? undefined : await controlNet?.(runtime);
      const controlNets = new Map(net === undefined ? [] : [[CONTROL_NET, net]]);
      const { images, latents } = await generate(
        await open(runtime),
        { ...request, schedulerConfig },
        { controlNets },
      );
      return [
        { computed: latents, expected: goldenTensor(golden, `${run.name}/latent`) },
        {
          computed: toChannelsLast(images),
          expected: goldenTensor(golden, `${run.name}/image`),
          measure: 'mean',
          tolerance: IMAGE_TOLERANCE,
        },
      ];
    },
  };
}

/** All cases of `embedded.json`, on the project's own model. */
export async function embeddedCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden<Runs>(folder.read, 'embedded');
  const open = remembered((runtime) =>
    DiffusionModel.open(runtime, modelFolder('emoji-64', folder.readModel, '')),
  );
  return golden.json.runs.map((run) => ({
    name: `embedded/${run.name}`,
    tolerance: latentTolerance(setting),
    run: async (runtime) => {
      const { images, latents } = await generate(await open(runtime), basicRequest(run));
      const picture = toChannelsLast(images);
      return [
        { computed: unbatched(latents), expected: goldenTensor(golden, `${run.name}/latent`) },
        {
          computed: unbatched(picture),
          expected: goldenTensor(golden, `${run.name}/image`),
          measure: 'mean',
          tolerance: IMAGE_TOLERANCE,
        },
      ] satisfies Comparison[];
    },
  }));
}

/** A model's folder over a function that reads files. */
export function modelFolder(name: string, read: ReadFile, prefix: string): ModelFolder {
  return {
    name,
    open: async (path) => {
      const full = prefix + path;
      try {
        return bufferSource(await read(full), full);
      } catch {
        return undefined;
      }
    },
  };
}

function basicRequest(run: GoldenRun): GenerateRequest {
  return {
    prompt: run.prompt ?? 'a photo of a cat',
    negativePrompt: run.negative_prompt ?? 'blurry',
    width: run.width ?? 128,
    height: run.height ?? 128,
    samples: run.num_images_per_prompt ?? 1,
    steps: run.num_inference_steps,
    guidanceScale: run.guidance_scale,
    seed: run.seed,
    scheduler: run.scheduler,
    wishes: { karrasSigmas: run.use_karras_sigmas === 'yes' },
    // IPNDM ran by timesteps of its own.
    asUpstream: true,
  };
}

function pipelineRequest(golden: GoldenFile<Runs>, run: GoldenRun): GenerateRequest {
  const request = basicRequest(run);
  switch (run.pipeline) {
    case 'StableDiffusionXLPipeline':
      return request;
    case 'StableDiffusionPipeline':
      return run.name.endsWith('clip_skip_1') ? { ...request, clipSkip: 1 } : request;
    case 'StableDiffusionImg2ImgPipeline': {
      const picture = initImage(golden);
      return { ...request, picture, strength: run.strength ?? 0.8 };
    }
    case 'StableDiffusionInpaintPipeline': {
      const { shape, data } = golden.int32('mask');
      const mask = hostTensor(
        Float32Array.from(data, (value) => value / 255),
        [1, 1, ...shape],
      );
      return { ...request, picture: initImage(golden), mask, strength: run.strength ?? 1 };
    }
    case 'StableDiffusionControlNetPipeline': {
      const { dims, data } = initImage(golden);
      const hint = { dims, data: data.map((value) => (value + 1) / 2) };
      const conditioningScale = run.controlnet_conditioning_scale ?? 1;
      return { ...request, control: [{ id: CONTROL_NET, hint, conditioningScale }] };
    }
    default:
      throw new Error(`unknown pipeline ${String(run.pipeline)}`);
  }
}

/** The input of image-to-image, [1, 3, H, W] in [-1, 1]. */
function initImage(golden: GoldenFile<Runs>): HostTensor {
  const { shape, data } = golden.int32('init_image');
  const pixels = hostTensor(
    Float32Array.from(data, (value) => (value / 255) * 2 - 1),
    [1, ...shape],
  );
  return toChannelsFirst(pixels);
}

function unbatched({ dims, data }: HostTensor): HostTensor {
  return { dims: dims.slice(1), data };
}
