/**
 * What a list of models may say, field by field. What each field is, is said in tools/manifest-schema.ts, which makes JSON
 * Schema of this: models-manifest.schema.json at the project's top.
 */

import * as v from 'valibot';

const text = v.pipe(v.string(), v.nonEmpty());
const texts = v.array(text);
const address = v.pipe(v.string(), v.url());
const colour = v.pipe(v.array(v.number()), v.length(3));

const wholeNumber = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));

/** Fields of a config.json. */
const fields = v.record(v.string(), v.unknown());

/** What is known of a file: it is refused where it is another. */
const known = {
  size: v.exactOptional(wholeNumber(1)),
  sha256: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-fA-F]{64}$/))),
};

const Source = v.variant('kind', [
  v.strictObject({ kind: v.literal('embedded'), folder: v.exactOptional(text) }),
  v.strictObject({ kind: v.literal('folder'), url: text }),
  v.strictObject({
    kind: v.literal('hub'),
    repository: v.pipe(
      v.string(),
      v.regex(/^[^/]+\/[^/]+$/, 'must be an owner and a name: owner/name'),
    ),
    revision: v.exactOptional(text),
    hub: v.exactOptional(address),
    files: v.exactOptional(v.array(v.strictObject({ path: text, ...known }))),
  }),
  v.strictObject({ kind: v.literal('file'), url: text, ...known }),
  v.strictObject({
    kind: v.literal('local'),
    key: text,
    file: v.exactOptional(text),
    folder: v.exactOptional(text),
    blobs: v.exactOptional(v.record(v.string(), v.unknown())),
  }),
]);

/** What is told of models and of what goes with them alike. */
const common = {
  id: text,
  name: v.string(),
  description: v.exactOptional(v.string()),
  source: Source,
  family: v.exactOptional(v.picklist(['sd1', 'sd2', 'sdxl', 'emoji'])),
  downloadBytes: v.exactOptional(wholeNumber(0)),
  memoryBytes: v.exactOptional(wholeNumber(1)),
  triggerWords: v.exactOptional(texts),
  isChecked: v.exactOptional(v.boolean()),
  licence: v.string(),
  licenceUrl: v.exactOptional(address),
};

/** A model in the list. */
export const Entry = v.strictObject({
  ...common,
  aliases: v.exactOptional(texts),
  nativeSize: wholeNumber(8),
  isNativeOnly: v.exactOptional(v.boolean()),
  defaults: v.exactOptional(
    v.strictObject({
      steps: v.exactOptional(wholeNumber(1)),
      guidanceScale: v.exactOptional(v.number()),
      scheduler: v.exactOptional(v.string()),
      enhancePrompt: v.exactOptional(v.boolean()),
    }),
  ),
  instancePrompt: v.exactOptional(v.string()),
  predictionType: v.exactOptional(v.picklist(['epsilon', 'v_prediction', 'sample'])),
  configs: v.exactOptional(
    v.strictObject({
      unet: v.exactOptional(fields),
      vae: v.exactOptional(fields),
      text_encoder: v.exactOptional(fields),
      text_encoder_2: v.exactOptional(fields),
    }),
  ),
  exportedBytes: v.exactOptional(
    v.strictObject({
      text_encoder: v.exactOptional(wholeNumber(1)),
      text_encoder_2: v.exactOptional(wholeNumber(1)),
      unet: v.exactOptional(wholeNumber(1)),
      vae_decoder: v.exactOptional(wholeNumber(1)),
      vae_encoder: v.exactOptional(wholeNumber(1)),
    }),
  ),
  lightVae: v.exactOptional(text),
  upscaler: v.exactOptional(text),
  preview: v.exactOptional(
    v.strictObject({ factors: v.array(colour), bias: v.exactOptional(colour) }),
  ),
  examples: v.exactOptional(texts),
});

/** Something in the list that requests name beside a model. */
export const Adjunct = v.strictObject({
  ...common,
  kind: v.picklist(['lora', 'embedding', 'vae', 'controlnet', 'upscaler', 'annotator']),
  hint: v.exactOptional(text),
});

/** A whole list. */
export const ManifestSchema = v.pipe(
  v.strictObject({
    $schema: v.exactOptional(v.string()),
    version: v.literal(1),
    default: v.string(),
    '*': v.exactOptional(v.string()),
    models: v.pipe(v.array(Entry), v.nonEmpty()),
    adjuncts: v.exactOptional(v.array(Adjunct)),
  }),
  v.check(
    ({ models }) => new Set(models.map(({ id }) => id)).size === models.length,
    'models: every id must be there once',
  ),
  v.check(
    (manifest) => manifest.models.some(({ id }) => id === manifest.default),
    'default: must be the id of a model in the list',
  ),
  v.check(({ models, '*': any }) => {
    return any === undefined || models.some(({ id }) => id === any);
  }, '*: must be the id of a model in the list'),
  v.check(({ models }) => {
    const names = models.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
    return new Set(names).size === names.length;
  }, 'models: every alias must be there once, and be no id'),
  v.check(({ adjuncts = [] }) => {
    return new Set(adjuncts.map(({ id, kind }) => `${kind} ${id}`)).size === adjuncts.length;
  }, 'adjuncts: every id must be there once for each kind'),
  v.check(({ models, adjuncts = [] }) => {
    const vaes = adjuncts.filter(({ kind }) => kind === 'vae').map(({ id }) => id);
    return models.every(({ lightVae }) => lightVae === undefined || vaes.includes(lightVae));
  }, 'models: every lightVae must be the id of a vae in the list'),
  v.check(({ models, adjuncts = [] }) => {
    const upscalers = adjuncts.filter(({ kind }) => kind === 'upscaler').map(({ id }) => id);
    return models.every(({ upscaler }) => upscaler === undefined || upscalers.includes(upscaler));
  }, 'models: every upscaler must be the id of an upscaler in the list'),
);
