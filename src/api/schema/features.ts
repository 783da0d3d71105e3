/**
 * What requests may ask for beyond plain drawing, and which of it this version can do.
 *
 * One table. A feature that is missing is `needed` when the picture would be another one without it:
 * then asking for it is an error, for a wrong picture is worse than none. A filter or an accelerator is
 * `optional`: the picture is drawn without it, and the reply says so. Whoever builds a feature flips
 * its entry to `ready`.
 */

import { fieldError, theField } from '../../util/field-error.ts';
import type { GenerationRequest } from './request-types.ts';

/** Whether a feature works, and what follows if it does not. */
export type Support = 'ready' | 'needed' | 'optional';

/** Names of request fields that ask for something extra. */
export type FeatureName =
  | ('lora_model' | 'embeddings_model' | 'vae' | 'ip_adapter_id' | 'panorama' | 'self_attention')
  | ('highres_fix' | 'upscale' | 'multi_lingual' | 'tomesd')
  | ('safety_checker' | 'loadbalancer' | 'mask_image' | 'controlnet_model');

type Feature = {
  readonly support: Support;
  /** What a request has that does not ask for it. */
  readonly off: unknown;
  /** What is said when it is missing, as a sentence behind the field's name. */
  readonly lack: string;
  /** Whether that is also said to those who leave the field away and so ask by default. */
  readonly tellsAll?: true;
};

/** See the file's header. */
export const FEATURES: Readonly<Record<FeatureName, Feature>> = {
  lora_model: { support: 'ready', off: [], lack: 'LoRAs cannot be applied yet.' },
  embeddings_model: { support: 'ready', off: [], lack: 'embeddings cannot be loaded yet.' },
  vae: { support: 'ready', off: null, lack: "only the model's own VAE can be used yet." },
  ip_adapter_id: { support: 'needed', off: null, lack: 'IP-Adapters cannot be used yet.' },
  panorama: { support: 'needed', off: false, lack: 'panoramas cannot be drawn yet.' },
  self_attention: {
    support: 'needed',
    off: false,
    lack: 'self-attention guidance is not available yet.',
  },
  highres_fix: { support: 'needed', off: false, lack: 'a second pass is not available yet.' },
  upscale: { support: 'ready', off: 1, lack: 'pictures cannot be enlarged.' },
  mask_image: { support: 'ready', off: null, lack: 'masks cannot be used yet.' },
  controlnet_model: { support: 'ready', off: [], lack: 'ControlNets cannot be used yet.' },
  multi_lingual: {
    support: 'optional',
    off: false,
    lack: 'there is no translator; the prompt was drawn as it is.',
  },
  tomesd: { support: 'optional', off: false, lack: 'not available yet; drawn at full cost.' },
  safety_checker: {
    support: 'optional',
    off: false,
    lack: 'not available yet; the pictures were not checked.',
    tellsAll: true,
  },
  loadbalancer: {
    support: 'optional',
    off: false,
    lack: 'no other servers are configured; drawn here.',
  },
};

/** Ids that the API's documentation prints in its examples, and that users paste first. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'your_model_id',
  'model_id',
  'lora_model_id',
  'embeddings_model_id',
]);

/** What else to say when nothing is registered as `name`; empty for names that someone chose. */
export function placeholderHint(name: string): string {
  return PLACEHOLDERS.has(name)
    ? ` ${name} is a placeholder of the documentation: put the id of a model there.`
    : '';
}

/** What {@link applyFeatures} needs to know beside the request. */
export type FeatureOptions = {
  /** The fields that the request itself names. */
  explicit: ReadonlySet<string>;
  /** What this installation can do other than {@link FEATURES} say. */
  support: Partial<Record<FeatureName, Support>>;
};

/**
 * Refuses a request that needs what is missing. Gives it without what is merely left out, which is what
 * will be drawn, and a warning for each such thing.
 */
export function applyFeatures<T extends GenerationRequest>(
  request: T,
  { explicit, support }: FeatureOptions,
): { drawn: T; warnings: string[] } {
  const missing =
    (kind: Support) =>
    ([name, feature]: [FeatureName, Feature]): boolean =>
      (support[name] ?? feature.support) === kind && isAsked(valueOf(request, name), feature);
  const features = Object.entries(FEATURES) as [FeatureName, Feature][];
  const needed = features.filter(missing('needed'));
  if (needed.length > 0) {
    const messages = needed.map(([name, { lack }]): [string, string[]] => [
      name,
      [`${theField(name)} asks for what is missing: ${lack}${hintsOn(valueOf(request, name))}`],
    ]);
    throw fieldError(Object.fromEntries(messages), { code: 'unsupported' });
  }
  const omitted = features.filter(missing('optional'));
  return {
    drawn: { ...request, ...Object.fromEntries(omitted.map(([name, { off }]) => [name, off])) },
    warnings: omitted
      .filter(([name, { tellsAll }]) => tellsAll === true || explicit.has(name))
      .map(([name, { lack }]) => `${name}: ${lack}`),
  };
}

/** Undefined where the operation does not know the field. */
function valueOf(request: GenerationRequest, name: FeatureName): unknown {
  return (request as Partial<Record<FeatureName, unknown>>)[name];
}

function isAsked(value: unknown, { off }: Feature): boolean {
  if (value === undefined) return false;
  return Array.isArray(value) ? value.length > 0 : value !== off;
}

function hintsOn(value: unknown): string {
  return (Array.isArray(value) ? value : [value]).map(String).map(placeholderHint).join('');
}
