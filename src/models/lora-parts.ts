/**
 * A model with LoRAs in its weights: in place, where the runtime can change weights under their sessions, or as another
 * model, whose weights are computed on the CPU as they are read.
 */

import { EngineError } from '../errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { fitLora } from '../weights/lora/fit-lora.ts';
import type { LoraFile } from '../weights/lora/lora-file.ts';
import { withLora } from '../weights/lora/patched-checkpoint.ts';
import { weightPatches, type LoraStrength } from '../weights/lora/tensor-patch.ts';
import type { ModelParts } from './model-parts.ts';

/** A LoRA and how much of it; 1 is as it was trained, 0 none of it. */
export type AppliedLora = {
  /** Files are told apart by their names. */
  readonly file: LoraFile;
  readonly unetStrength: number;
  readonly textEncoderStrength: number;
};

/** LoRAs fitted to a model. */
export type FittedLoras = {
  /** By network: what lies in its weights, in this order. */
  readonly unet: readonly LoraStrength[];
  readonly texts: readonly LoraStrength[];
  /** By file name, keys that match nothing in the model. */
  readonly unmatched: ReadonlyMap<string, readonly string[]>;
};

/**
 * Finds what LoRAs change in a model.
 *
 * @throws EngineError as {@link fitLora}, for a file of another family of models, and `unsupported` for a model whose
 *   graphs were exported.
 */
export function fitLoras(parts: ModelParts, loras: readonly AppliedLora[]): FittedLoras {
  const { unet, texts } = parts;
  if (loras.length > 0 && [unet, ...texts].some(({ exported }) => exported !== undefined))
    throw refused(parts);
  const base = { unet: unet.checkpoint, texts: texts.map(({ checkpoint }) => checkpoint) };
  const fitted = loras.map((lora) => ({ ...lora, lora: fitLora(lora.file, base) }));
  return {
    unet: fitted.map(({ lora, unetStrength: strength }) => ({ lora, strength })),
    texts: fitted.map(({ lora, textEncoderStrength: strength }) => ({ lora, strength })),
    unmatched: new Map(fitted.map(({ lora: { name, unmatched } }) => [name, unmatched])),
  };
}

/** The model with LoRAs in it, one after the other, under identities of its own. */
export function withLoras(
  { texts, unet, ...parts }: ModelParts,
  loras: Pick<FittedLoras, 'unet' | 'texts'>,
): ModelParts {
  const [first, ...others] = texts.map((text) => ({
    ...text,
    checkpoint: withLora(text.checkpoint, loras.texts),
  })) as [ModelParts['texts'][0], ...ModelParts['texts']];
  return {
    ...parts,
    texts: [first, ...others],
    unet: { ...unet, checkpoint: withLora(unet.checkpoint, loras.unet) },
  };
}

/**
 * Lays LoRAs over the weights of a model under the same identity; none takes away those that were. Every run from now on
 * sees them: see {@link Runtime.setPatches}.
 */
export function setLoras(
  runtime: Runtime,
  { unet, texts }: ModelParts,
  loras: Pick<FittedLoras, 'unet' | 'texts'> = { unet: [], texts: [] },
): void {
  const set = (checkpoint: Checkpoint, strengths: readonly LoraStrength[]): void =>
    runtime.setPatches(checkpoint.id, weightPatches(checkpoint, strengths));
  set(unet.checkpoint, loras.unet);
  for (const { checkpoint } of texts) set(checkpoint, loras.texts);
}

/** Exporters fold and rename weights, so that nothing tells which of them a LoRA means. */
function refused({ name }: ModelParts): EngineError {
  return new EngineError(
    'unsupported',
    `${name} is an exported model, whose weights LoRAs cannot be laid over; a model of safetensors files takes them`,
    { detail: { model: name, feature: 'LoRA' } },
  );
}
