/**
 * The list of models: what each is called, where its files are and how it is best used.
 *
 * models-manifest.json at the project's top is such a list; it ships with the package and is the one in use where no other
 * is given.
 */

import * as v from 'valibot';

import shipped from '../../models-manifest.json' with { type: 'json' };
import { EngineError } from '../errors.ts';
import { Adjunct, Entry, ManifestSchema } from './manifest-schema.ts';

/**
 * A model that requests can name: `id` and `aliases` are what they call it, `name` and `description` are for people. What
 * every field is, is said in models-manifest.schema.json.
 *
 * `nativeSize` is the edge in pixels of the pictures it was trained on; with `isNativeOnly` it draws at that size alone, and
 * other sizes are enlarged (by its `upscaler`, where it names one) or reduced from it. `defaults` suit it where a request says
 * nothing. `family` and `configs` (fields of the networks' config files in which it differs from the family) tell what it needs
 * before it is downloaded, with `exportedBytes` where its graphs are somebody else's; of single files, `predictionType` and
 * `configs` also say what the file does not tell.
 */
export type ModelEntry = v.InferOutput<typeof Entry>;

/**
 * Something that requests name beside a model of its `family`; an `upscaler` enlarges what models of any family drew. A `lora`,
 * an `embedding`, an `upscaler` and a `vae` may be a single file or, embedded, the file `model.safetensors` of a folder; a `vae`
 * and a `controlnet` a folder with a config.json. `hint` is the kind of picture that a ControlNet wants, such as `canny`. An
 * `annotator` is a network for Transformers.js, on a hub or in a folder, that tells of pictures what hints are made of: its
 * `hint` is `depth` or `segmentation`.
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
  return parsed(ManifestSchema, json, 'the manifest');
}

/**
 * An entry by itself, from its JSON: of a model, or of what requests name beside one.
 *
 * @throws EngineError `invalid-argument` naming every field that is wrong.
 */
export function parseEntry(kind: 'model', json: unknown): ModelEntry;
export function parseEntry(kind: 'model' | AdjunctEntry['kind'], json: unknown): ModelEntry | AdjunctEntry;
export function parseEntry(kind: 'model' | AdjunctEntry['kind'], json: unknown): ModelEntry | AdjunctEntry {
  return kind === 'model' ? parsed(Entry, json, 'the entry') : parsed(Adjunct, json, 'the entry');
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, json: unknown, what: string): T {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  throw new EngineError('invalid-argument', `${what} is not right: ${problems.join('; ')}`, {
    detail: { problems },
  });
}

/** The manifest that ships with the package. */
export function shippedManifest(): Manifest {
  return parseManifest(shipped);
}
