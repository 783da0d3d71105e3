/**
 * The list of models: what each is called, where its files are and how it is best used.
 *
 * models-manifest.json at the project's top is such a list; it ships with the package and is the one in use where no other
 * is given.
 */

import * as v from 'valibot';

import shipped from '../../models-manifest.json' with { type: 'json' };
import { EngineError } from '../errors.ts';

const colour = v.pipe(v.array(v.number()), v.length(3));

/** Fields of a config.json. */
const fields = v.record(v.string(), v.unknown());

const Source = v.variant('kind', [
  v.strictObject({ kind: v.literal('embedded'), folder: v.exactOptional(v.string()) }),
  v.strictObject({ kind: v.literal('folder'), url: v.pipe(v.string(), v.nonEmpty()) }),
  v.strictObject({
    kind: v.literal('hub'),
    repository: v.pipe(v.string(), v.regex(/^[^/]+\/[^/]+$/, 'must be an owner and a name: owner/name')),
    revision: v.exactOptional(v.string()),
    hub: v.exactOptional(v.pipe(v.string(), v.url())),
  }),
  v.strictObject({
    kind: v.literal('file'),
    url: v.pipe(v.string(), v.nonEmpty()),
    size: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
    sha256: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/i))),
  }),
]);

const Entry = v.strictObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  aliases: v.exactOptional(v.array(v.pipe(v.string(), v.nonEmpty()))),
  name: v.string(),
  description: v.exactOptional(v.string()),
  source: Source,
  nativeSize: v.pipe(v.number(), v.integer(), v.minValue(8)),
  isNativeOnly: v.exactOptional(v.boolean()),
  defaults: v.exactOptional(
    v.strictObject({
      steps: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
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
  preview: v.exactOptional(
    v.strictObject({ factors: v.array(colour), bias: v.exactOptional(colour) }),
  ),
  licence: v.string(),
  examples: v.exactOptional(v.array(v.string())),
});

const Adjunct = v.strictObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  kind: v.picklist(['lora', 'embedding', 'vae', 'controlnet']),
  name: v.string(),
  description: v.exactOptional(v.string()),
  source: Source,
  hint: v.exactOptional(v.string()),
  licence: v.string(),
});

const ManifestSchema = v.pipe(
  v.strictObject({
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
);

/**
 * A model that requests can name: `id` and `aliases` are what they call it, `name` and `description` are for people.
 * `nativeSize` is the edge in pixels of the pictures it was trained on; with `isNativeOnly` it draws at that size alone, and
 * other sizes are enlarged or reduced from it. `defaults` suit it where a request says nothing; `instancePrompt` are words
 * that it was trained to answer to, put before every prompt that is enhanced. `preview` is how its latents look (default:
 * as those of its family), `licence` that of its weights, `examples` are prompts that show what it can draw.
 *
 * Of single files, `predictionType` and `configs` (fields of the networks' config files) say what the file does not tell.
 */
export type ModelEntry = v.InferOutput<typeof Entry>;

/**
 * Something that requests name beside a model. A `lora`, an `embedding` and a `vae` may be a single file or, embedded, the
 * file `model.safetensors` of a folder; a `vae` and a `controlnet` a folder with a config.json. `hint` is the kind of picture
 * that a ControlNet wants, such as `canny`.
 */
export type AdjunctEntry = v.InferOutput<typeof Adjunct>;

/**
 * Entries, of which `default` names the one that answers requests that name no model, and `*` the one that answers those
 * that name one that is not here; without it such requests are refused.
 */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/**
 * A manifest from its JSON.
 *
 * @throws EngineError `invalid-argument` naming every field that is wrong.
 */
export function parseManifest(json: unknown): Manifest {
  const result = v.safeParse(ManifestSchema, json);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  throw new EngineError('invalid-argument', `the manifest is not right: ${problems.join('; ')}`, {
    detail: { problems },
  });
}

/** The manifest that ships with the package. */
export function shippedManifest(): Manifest {
  return parseManifest(shipped);
}
