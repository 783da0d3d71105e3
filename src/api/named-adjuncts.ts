/**
 * What a request names beside its model, in its fields and in its prompts, as entries that an engine can open.
 */

import type { Adjuncts, NamedLora } from '../engine/adjuncts.ts';
import { isEngineError } from '../errors.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import { readPrompt, type ReadPrompt } from '../text/prompt/read-prompt.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { ModelRegistry } from './model-registry.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/**
 * The entries; throws a `fieldError` about a LoRA that a prompt mentions and that is not here, and about everything that was
 * made for another family of models than `model`.
 */
export function namedAdjuncts(
  request: GenerationRequest,
  { prompt, negativePrompt }: { prompt: string; negativePrompt: string },
  models: ModelRegistry,
  model: ModelEntry,
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
  const embeddings = entries('embedding', request.embeddings_model);
  const controlNets = entries('controlnet', nets);
  refuseStrangers(
    {
      lora_model: loras.map(({ entry }) => entry),
      embeddings_model: embeddings,
      controlnet_model: controlNets,
      vae: vae === undefined ? [] : [vae],
    },
    model,
  );
  return { loras, embeddings, controlNets, ...(vae === undefined ? {} : { vae }) };
}

/** What was made for another family would be downloaded in vain. */
function refuseStrangers(
  named: Readonly<Record<string, readonly AdjunctEntry[]>>,
  { id: modelId, family }: ModelEntry,
): void {
  const messages = Object.entries(named).flatMap(([field, entries]) => {
    const strangers = entries.filter((entry) => !sharesFamily(entry, family));
    const sentences = strangers.map(
      (entry) =>
        `${theField(field)}: ${entry.id} is for models of the family ${entry.family ?? ''}, and ${modelId} is of the family ${family ?? ''}.`,
    );
    return sentences.length === 0 ? [] : [[field, sentences] as const];
  });
  if (messages.length > 0) throw fieldError(Object.fromEntries(messages));
}

/** Where a family is not given, it is found out when the files are here. SD 1 and 2 have the same latents. */
function sharesFamily({ kind, family: own }: AdjunctEntry, family: ModelEntry['family']): boolean {
  if (own === undefined || family === undefined || own === family) return true;
  const latents = ['sd1', 'sd2'];
  return kind === 'vae' && latents.includes(own) && latents.includes(family);
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
  return readText(field, text).loras.map(({ name, unetWeight, textEncoderWeight }) => {
    const entry = models.adjunct('lora', name);
    if (entry !== undefined)
      return { entry, strength: unetWeight, textEncoderStrength: textEncoderWeight };
    const known = models.adjuncts('lora').join(', ') || 'none';
    const message = `${theField(field)} asks for the LoRA ${name}, which is not here. The LoRAs here are: ${known}.`;
    throw fieldError({ [field]: [message] });
  });
}

/** What is wrong with a prompt is said of its field. */
function readText(field: string, text: string): ReadPrompt {
  try {
    return readPrompt(text, { steps: 1, composes: false });
  } catch (error) {
    if (!isEngineError(error)) throw error;
    throw fieldError({ [field]: [`${theField(field)}: ${error.message}.`] }, { cause: error });
  }
}
