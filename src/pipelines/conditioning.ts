/**
 * Prompts as the UNet reads them: hidden states of the text encoder, with and without the prompt.
 */

import type { ClipOutput } from '../networks/clip-text.ts';
import type { DiffusionModel } from '../models/diffusion-model.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { CLIP_LENGTH } from '../text/clip-tokenizer.ts';

/** What to encode. */
export type Prompts = {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Pictures of the batch, all with the same prompts. */
  readonly samples: number;
  /** Whether the negative prompt is needed: guidance above 1. */
  readonly isGuided: boolean;
  /**
   * Layers skipped at the end of the encoder, for the prompt alone (diffusers' numbering: 0 or undefined none, 1 the last
   * one).
   */
  readonly clipSkip?: number | undefined;
};

/** Text states [batch, 77, C]: with guidance the negative prompt's for every picture, then the prompt's. */
export async function encodePrompts(
  model: DiffusionModel,
  { prompt, negativePrompt, samples, isGuided, clipSkip = 0 }: Prompts,
  run: StageRunOptions,
): Promise<HostTensor> {
  const states = [await encode(model, prompt, clipSkip, run)];
  if (isGuided) states.unshift(await encode(model, negativePrompt, 0, run));
  const [, tokens = 0, width = 0] = states[0]?.dims ?? [];
  const length = tokens * width;
  const data = new Float32Array(states.length * samples * length);
  for (const [i, state] of states.entries()) {
    for (let n = 0; n < samples; n++) data.set(state.data, (i * samples + n) * length);
  }
  return { dims: [states.length * samples, tokens, width], data };
}

async function encode(
  model: DiffusionModel,
  text: string,
  clipSkip: number,
  run: StageRunOptions,
): Promise<HostTensor> {
  const output: ClipOutput = { kind: 'hidden', name: 'state', layer: -1 - clipSkip, normed: true };
  const ids = model.tokenizer.encode(text);
  const outputs = await model.textEncoder.encode(ids, CLIP_LENGTH, [output], run);
  return outputs['state'] as HostTensor;
}
