/**
 * Which model draws a request, and whether everything else that it names is here.
 */

import type { ModelEntry } from '../models/manifest.ts';
import { EngineError } from '../errors.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { EnlargeTask } from './artist.ts';
import type { AdjunctKind, ModelRegistry } from './model-registry.ts';
import { ERROR_MESSAGES } from './response.ts';
import { placeholderHint } from './schema/features.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** The model that draws; `tip` when it is not the one that was named. */
export type ChosenModel = { readonly entry: ModelEntry; readonly tip?: string };

/** The model for the name in a request, null for none; throws EngineError `invalid-argument` when there is none. */
export function chooseModel(name: string | null, models: ModelRegistry): ChosenModel {
  if (name === null) {
    const entry = models.defaultModel;
    if (entry !== undefined) return { entry };
    throw new EngineError('invalid-argument', ERROR_MESSAGES.modelMissing);
  }
  const entry = models.find(name);
  if (entry !== undefined) return { entry };
  const other = models.anyModel;
  if (other === undefined) throw unknownModel(name, models);
  return {
    entry: other,
    tip: `There is no model ${name} here; ${other.id} drew instead, which is set as the model for all other names.`,
  };
}

/** The error about a model that is not here: names those that are, and says how to add one. */
export function unknownModel(name: string, models: ModelRegistry): EngineError {
  const known = models.entries.map(({ id }) => id);
  const here =
    known.length === 0 ? 'There are no models here.' : `The models here are: ${known.join(', ')}.`;
  return new EngineError(
    'invalid-argument',
    `${ERROR_MESSAGES.modelUnknown}: ${name}.${placeholderHint(name)} ${here} Others are added to the manifest of models, with this name as id or alias.`,
    { detail: { model_id: name, known } },
  );
}

/** Fields that name things, and what kind of thing. */
const NAMED: readonly [string, AdjunctKind, string][] = [
  ['lora_model', 'lora', 'LoRA'],
  ['embeddings_model', 'embedding', 'embedding'],
  ['vae', 'vae', 'VAE'],
  ['controlnet_model', 'controlnet', 'ControlNet'],
  ['ip_adapter_id', 'ip-adapter', 'IP-Adapter'],
];

/** Throws a `fieldError` about every LoRA, VAE and so on that `request` names and that is not here. */
export function checkNames(request: GenerationRequest, models: ModelRegistry): void {
  const values = request as Readonly<Partial<Record<string, unknown>>>;
  const messages = NAMED.flatMap(([field, kind, noun]) => {
    const names = [values[field] ?? []].flat().map(String);
    const known = models.adjuncts(kind);
    const unknown = names.filter((name) => !known.includes(name));
    const here = known.length === 0 ? 'none is here' : `those here are: ${known.join(', ')}`;
    const sentences = unknown.map(
      (name) => `${theField(field)}: there is no ${noun} ${name}; ${here}.${placeholderHint(name)}`,
    );
    return sentences.length === 0 ? [] : [[field, sentences] as const];
  });
  if (messages.length > 0) throw fieldError(Object.fromEntries(messages));
}

/** What enlarges: an upscaler's id, and its entry as far as the registry has one. */
export type ChosenUpscaler = Pick<EnlargeTask, 'upscaler' | 'entry'>;

/** The upscaler of that name; throws a `fieldError` about `field` when it is not here. */
export function chooseUpscaler(name: string, field: string, models: ModelRegistry): ChosenUpscaler {
  const known = models.adjuncts('upscaler');
  if (known.includes(name)) return { upscaler: name, entry: models.adjunct('upscaler', name) };
  const here = known.length === 0 ? 'none is here' : `those here are: ${known.join(', ')}`;
  throw fieldError({
    [field]: [
      `${theField(field)}: there is no upscaler ${name}; ${here}. load_model adds one from an address.`,
    ],
  });
}
