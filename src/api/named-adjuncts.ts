/**
 * What a request names beside its model, in its fields and in its prompts, as entries that an engine can open.
 */

import type { Adjuncts, NamedLora } from '../engine/adjuncts.ts';
import type { AdjunctEntry } from '../models/manifest.ts';
import { readPrompt } from '../text/prompt/read-prompt.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { ModelRegistry } from './model-registry.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** The entries; throws a `fieldError` about a LoRA that a prompt mentions and that is not here. */
export function namedAdjuncts(
  request: GenerationRequest,
  { prompt, negativePrompt }: { prompt: string; negativePrompt: string },
  models: ModelRegistry,
): Adjuncts {
  const entries = (kind: AdjunctEntry['kind'], ids: readonly string[]): AdjunctEntry[] =>
    ids.flatMap((id) => models.adjunct(kind, id) ?? []);
  const loras = [
    ...lorasOfFields(request, models),
    ...lorasOfText('prompt', prompt, models),
    ...lorasOfText('negative_prompt', negativePrompt, models),
  ];
  const nets = 'controlnet_model' in request ? request.controlnet_model : [];
  const [vae] = request.vae === null ? [] : entries('vae', [request.vae]);
  return {
    loras,
    embeddings: entries('embedding', request.embeddings_model),
    controlNets: entries('controlnet', nets),
    ...(vae === undefined ? {} : { vae }),
  };
}

/** Strengths go by position; one is for all, and 1 stands where the list is too short. */
function lorasOfFields(
  { lora_model: names, lora_strength: strengths }: GenerationRequest,
  models: ModelRegistry,
): NamedLora[] {
  return names.flatMap((name, i) => {
    const entry = models.adjunct('lora', name);
    const strength = (strengths.length === 1 ? strengths[0] : strengths[i]) ?? 1;
    return entry === undefined ? [] : [{ entry, strength }];
  });
}

/** `<lora:name:strength>`, as other programs have it. */
function lorasOfText(
  field: 'prompt' | 'negative_prompt',
  text: string,
  models: ModelRegistry,
): NamedLora[] {
  return readPrompt(text, { steps: 1, composes: false }).loras.map(
    ({ name, unetWeight, textEncoderWeight }) => {
      const entry = models.adjunct('lora', name);
      if (entry !== undefined)
        return { entry, strength: unetWeight, textEncoderStrength: textEncoderWeight };
      const known = models.adjuncts('lora').join(', ') || 'none';
      const message = `${theField(field)} asks for the LoRA ${name}, which is not here. The LoRAs here are: ${known}.`;
      throw fieldError({ [field]: [message] });
    },
  );
}
