/**
 * A model from one safetensors file under CompVis' names, as most checkpoints are passed around: what it is, is told from
 * its tensors.
 */

import { EngineError } from '../errors.ts';
import type { JsonConfig } from '../networks/config.ts';
import type { ClipTokenizer } from '../text/clip-tokenizer.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { ldmUNet } from '../weights/single-file/ldm-unet.ts';
import { isLdmVae, ldmVae } from '../weights/single-file/ldm-vae.ts';
import { openClip, openClipLayers } from '../weights/single-file/open-clip.ts';
import { renamed } from '../weights/single-file/renamed.ts';
import type { FileCheckpoint } from '../weights/safetensors.ts';
import { textConfig, unetConfig, vaeConfig, type FamilyConstants } from './derived-configs.ts';
import type { ModelParts, NetworkPart, TextPart } from './model-parts.ts';

/** A family of models that share everything but their weights. */
export type Family = 'sd1' | 'sd2' | 'sdxl';

/** What the network predicts. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** What a person knows better than the file tells. */
export type SingleFileOptions = {
  readonly predictionType?: PredictionType;
  /** Fields of the networks' config files that replace those told from shapes. */
  readonly configs?: Partial<Record<'unet' | 'vae' | 'text_encoder' | 'text_encoder_2', JsonConfig>>;
};

const UNET = 'model.diffusion_model.';
const SD1_TEXT = 'cond_stage_model.transformer.';
const SD2_TEXT = 'cond_stage_model.model.';
const XL_TEXT = 'conditioner.embedders.0.transformer.';
const XL_TEXT_2 = 'conditioner.embedders.1.model.';
const REFINER_TEXT = 'conditioner.embedders.0.model.';
const VAES = ['first_stage_model.', 'vae.'] as const;

/** Inner width of SD 2's text states, by which it is told from SD 1. */
const SD2_CONTEXT = 1024;

const CONSTANTS: Readonly<Record<Family, FamilyConstants>> = {
  sd1: { heads: { count: 8 }, sampleSize: 64, scalingFactor: 0.18215 },
  sd2: { heads: { width: 64 }, sampleSize: 96, scalingFactor: 0.18215 },
  sdxl: { heads: { width: 64 }, sampleSize: 128, scalingFactor: 0.13025 },
};

/** How noise was added in training: the same in all three families. */
const SCHEDULER: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  clip_sample: false,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  timestep_spacing: 'leading',
};

/** Whether a checkpoint is a whole model under CompVis' names. */
function isSingleFile({ tensors }: Checkpoint): boolean {
  return tensors.has(`${UNET}input_blocks.0.0.weight`);
}

/**
 * The family of a single-file checkpoint.
 *
 * @throws EngineError `unsupported` for one that is known and not supported, `model-malformed` for one that is no model.
 */
export function familyOf(checkpoint: Checkpoint): Family {
  const { tensors, id } = checkpoint;
  const shape = (name: string): readonly number[] | undefined => tensors.get(UNET + name)?.shape;
  const refuse = (what: string): EngineError =>
    new EngineError('unsupported', `${id} is ${what}, which is not supported`, {
      detail: { checkpoint: id },
    });
  if (!isSingleFile(checkpoint)) {
    throw new EngineError(
      'model-malformed',
      `${id} holds no UNet under ${UNET}; a whole Stable Diffusion 1, 2 or XL checkpoint was expected`,
      { detail: { checkpoint: id } },
    );
  }
  if (tensors.has('edm_mean')) throw refuse('Playground 2.5');
  if (hasPrefix(tensors.keys(), XL_TEXT_2)) return 'sdxl';
  if (shape('label_emb.0.0.weight') !== undefined) throw refuse('the SDXL refiner');
  if (shape('input_blocks.0.0.weight')?.[1] === 8) throw refuse('an InstructPix2Pix model');
  const context = shape('input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight')?.[1];
  if (shape('input_blocks.10.0.skip_connection.bias') !== undefined)
    throw refuse('the x4 upscaler');
  const isSd2 = hasPrefix(tensors.keys(), SD2_TEXT) || hasPrefix(tensors.keys(), REFINER_TEXT);
  return isSd2 || context === SD2_CONTEXT ? 'sd2' : 'sd1';
}

/**
 * The parts of a single-file checkpoint.
 *
 * @param tokenizer CLIP's own; another one only for models whose vocabulary was cut.
 * @throws EngineError as {@link familyOf}, and `weights-mismatch` when a part is missing.
 */
export function partsOfSingleFile(
  checkpoint: FileCheckpoint,
  tokenizer: ClipTokenizer,
  options: SingleFileOptions = {},
): ModelParts {
  const { configs = {} } = options;
  const family = familyOf(checkpoint);
  const constants = CONSTANTS[family];
  const unet = ldmUNet(checkpoint, UNET);
  const config: JsonConfig = { ...unetConfig(unet, constants), ...configs.unet };
  return {
    name: checkpoint.id,
    texts: textParts(checkpoint, family, tokenizer, configs),
    unet: { config, checkpoint: unet },
    vae: vaePart(checkpoint, constants, configs.vae),
    schedulerConfig: {
      ...SCHEDULER,
      ...predictionOf(checkpoint, family, Number(config['in_channels']), options),
    },
  };
}

function textParts(
  checkpoint: Checkpoint,
  family: Family,
  tokenizer: ClipTokenizer,
  configs: NonNullable<SingleFileOptions['configs']>,
): [TextPart, ...TextPart[]] {
  const clip = (prefix: string): TextPart => {
    const text = renamed(checkpoint, prefix, 'text_encoder', (entry) => [entry]);
    const config = textConfig(text, { activation: 'quick_gelu', hasOpenClipProjection: false });
    return { checkpoint: text, config: { ...config, ...configs.text_encoder }, tokenizer };
  };
  const padded = tokenizer.paddedWith('!');
  if (family === 'sd1') return [clip(SD1_TEXT)];
  if (family === 'sd2') {
    const prefix = hasPrefix(checkpoint.tensors.keys(), SD2_TEXT) ? SD2_TEXT : REFINER_TEXT;
    const layers = openClipLayers(checkpoint, prefix) - 1;
    const part = 'text_encoder';
    const text = openClip(checkpoint, prefix, { part, layers, hasProjection: false });
    const config = textConfig(text, { activation: 'gelu', hasOpenClipProjection: false });
    return [
      { checkpoint: text, config: { ...config, ...configs.text_encoder }, tokenizer: padded },
    ];
  }
  const part = 'text_encoder_2';
  const text = openClip(checkpoint, XL_TEXT_2, { part, hasProjection: true });
  const config = textConfig(text, { activation: 'gelu', hasOpenClipProjection: true });
  return [
    clip(XL_TEXT),
    { checkpoint: text, config: { ...config, ...configs.text_encoder_2 }, tokenizer: padded },
  ];
}

function vaePart(
  checkpoint: Checkpoint,
  { scalingFactor }: FamilyConstants,
  config: JsonConfig | undefined,
): NetworkPart {
  const prefix = VAES.find((each) => isLdmVae(checkpoint, each));
  if (prefix === undefined) {
    throw new EngineError(
      'weights-mismatch',
      `${checkpoint.id} holds no autoencoder; choose one of its family beside it`,
      { detail: { checkpoint: checkpoint.id } },
    );
  }
  const vae = ldmVae(checkpoint, prefix);
  return { checkpoint: vae, config: { ...vaeConfig(vae, scalingFactor), ...config } };
}

/**
 * No tensor tells what SD 1 and 2 predict. Known are: what a person says, a note in the header, the marks that SDXL
 * finetunes carry, and that SD 2 with four channels was published as a v-prediction model.
 */
function predictionOf(
  { tensors, others, metadata }: FileCheckpoint,
  family: Family,
  channels: number,
  { predictionType }: SingleFileOptions,
): JsonConfig {
  const noted = metadata['modelspec.prediction_type'];
  const isNoted = noted === 'epsilon' || noted === 'v_prediction' || noted === 'sample';
  const isMarked = (mark: string): boolean => tensors.has(mark) || others.has(mark);
  const isV = isMarked('v_pred') || (family === 'sd2' && channels === 4);
  return {
    prediction_type: predictionType ?? (isNoted ? noted : isV ? 'v_prediction' : 'epsilon'),
    ...(isMarked('ztsnr') ? { rescale_betas_zero_snr: true } : {}),
  };
}

function hasPrefix(names: Iterable<string>, prefix: string): boolean {
  for (const name of names) if (name.startsWith(prefix)) return true;
  return false;
}
