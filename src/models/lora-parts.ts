/**
 * A model with LoRAs in its weights, computed on the CPU as they are read.
 */

import { fitLora } from '../weights/lora/fit-lora.ts';
import type { LoraFile } from '../weights/lora/lora-file.ts';
import { withLora, type LoraStrength } from '../weights/lora/patched-checkpoint.ts';
import type { ModelParts } from './model-parts.ts';

/** A LoRA and how much of it; 1 is as it was trained, 0 none of it. */
export type AppliedLora = {
  readonly file: LoraFile;
  readonly unetStrength: number;
  readonly textEncoderStrength: number;
};

/** A model with LoRAs. */
export type LoraParts = {
  readonly parts: ModelParts;
  /** By file name, keys that match nothing in the model. */
  readonly unmatched: ReadonlyMap<string, readonly string[]>;
};

/**
 * The model with LoRAs in it, one after the other.
 *
 * @throws EngineError as {@link fitLora}, for a file of another family of models.
 */
export function withLoras(parts: ModelParts, loras: readonly AppliedLora[]): LoraParts {
  const { unet, texts } = parts;
  const base = { unet: unet.checkpoint, texts: texts.map(({ checkpoint }) => checkpoint) };
  const fitted = loras.map((lora) => ({ ...lora, fitted: fitLora(lora.file, base) }));
  const inUnet = fitted.map(
    (lora): LoraStrength => ({ lora: lora.fitted, strength: lora.unetStrength }),
  );
  const inTexts = fitted.map(
    (lora): LoraStrength => ({ lora: lora.fitted, strength: lora.textEncoderStrength }),
  );
  const [first, ...others] = texts.map((text) => ({
    ...text,
    checkpoint: withLora(text.checkpoint, inTexts),
  })) as [ModelParts['texts'][0], ...ModelParts['texts']];
  return {
    parts: {
      ...parts,
      texts: [first, ...others],
      unet: { ...unet, checkpoint: withLora(unet.checkpoint, inUnet) },
    },
    unmatched: new Map(fitted.map(({ file, fitted: { unmatched } }) => [file.name, unmatched])),
  };
}
