/**
 * The fields of the endpoints beside the generations: enlarging, uploads, models.
 */

import * as v from 'valibot';
import type { EntryKind } from '../../models/identify.ts';
import { choice, flag, id, image, integer, named, trackId, webhook } from './coerce.ts';
import { orNull, required } from './fields.ts';

/** What enlarges where nothing else is named. */
export const DEFAULT_UPSCALER = 'realesr-general-x4v3';

/** The fields of an enlarging. */
export const ENLARGE_FIELDS = {
  url: required(image()),
  scale: v.optional(integer(1, 4), 3),
  model_id: v.optional(id(), DEFAULT_UPSCALER),
  face_enhance: v.optional(flag(), false),
  webhook: orNull(webhook()),
  track_id: orNull(trackId()),
};

/** Names of image fields that clients of the newer path use. */
export const ENLARGE_ALIASES: Readonly<Record<string, string>> = { init_image: 'url' };

/** The one field of endpoints about a model. */
export const MODEL_FIELDS = { model_id: required(id()) };

/** An upload for a later request. */
export const UPLOAD_FIELDS = {
  base64_image: required(image()),
  image_type: v.optional(choice(['png', 'jpeg', 'jpg'])),
};

/** An upload that answers with an address. */
export const TO_URL_FIELDS = { base64_string: required(image()) };

/** An upload that may be cut to a square. */
export const CROP_FIELDS = { image: required(image()), crop: v.optional(flag(), false) };

/** What a thing to load is, in the words of either path; undefined where they leave it open. */
const KINDS: Readonly<Record<string, EntryKind | undefined>> = {
  stable_diffusion: 'model',
  stable_diffusion_xl: 'model',
  custom_ckpt: 'model',
  huggingface: undefined,
  api_trained: undefined,
  controlnet: 'controlnet',
  lora: 'lora',
  embeddings: 'embedding',
  vae: 'vae',
  upscaler: 'upscaler',
};

/** A model, or something beside models, to load from an address. */
export const LOAD_MODEL_FIELDS = {
  url: required(id()),
  model_id: required(id()),
  model_category: v.optional(named(KINDS)),
  model_type: v.optional(named(KINDS)),
  model_name: orNull(id()),
  revision: orNull(id()),
  force_load: v.optional(flag(), false),
  webhook: orNull(webhook()),
  track_id: orNull(trackId()),
};

/** Another name that clients use. */
export const LOAD_ALIASES: Readonly<Record<string, string>> = { model_url: 'url' };

/** An autoencoder to load from an address. */
export const LOAD_VAE_FIELDS = {
  vae_url: required(id()),
  vae_id: required(id()),
  webhook: orNull(webhook()),
  track_id: orNull(trackId()),
};
