/**
 * Adding models, and what goes with them, from addresses: what lies there is looked at before the reply, and comes after it.
 */

import { isEngineError } from '../../errors.ts';
import { callWebhook } from '../../jobs/webhook.ts';
import type { EntryKind } from '../../models/identify.ts';
import { fieldError, theField } from '../../util/field-error.ts';
import type { ApiContext, Call } from '../context.ts';
import type { Library } from '../library/library.ts';
import type { LibraryEntry } from '../library/types.ts';
import { errorBody } from '../response.ts';
import { readBody } from '../schema/read-body.ts';
import { LOAD_ALIASES, LOAD_MODEL_FIELDS, LOAD_VAE_FIELDS } from '../schema/tool-fields.ts';

/** What is loaded. */
type Load = {
  /** The field with the address, for messages. */
  readonly field: string;
  readonly address: string;
  readonly id: string;
  readonly kind: EntryKind | undefined;
  readonly name?: string | undefined;
  readonly revision?: string | undefined;
  /** Whether an entry of that id may be replaced. */
  readonly isForced: boolean;
  readonly webhook: string | null;
  readonly trackId: string | number | null;
};

/** Upstream's names of a repository's variants: here the smaller one is taken by itself. */
const VARIANTS: readonly (string | null)[] = ['fp16', 'fp32'];

/** load_model: a model, or something beside models, from an address or a hub's repository. */
export async function loadModel(call: Call, context: ApiContext): Promise<object> {
  const { fields } = readBody(call.body, LOAD_MODEL_FIELDS, { aliases: LOAD_ALIASES });
  const { url, model_id: id, model_category: category, model_type: type, revision } = fields;
  const load: Load = {
    field: 'url',
    address: url,
    id,
    kind: category ?? type ?? undefined,
    name: fields.model_name ?? undefined,
    revision: revision === null || VARIANTS.includes(revision) ? undefined : revision,
    isForced: fields.force_load,
    webhook: fields.webhook,
    trackId: fields.track_id,
  };
  return loaded(load, 'model load started', call, context);
}

/** load_vae: an autoencoder from an address or a hub's repository. */
export async function loadVae(call: Call, context: ApiContext): Promise<object> {
  const { fields } = readBody(call.body, LOAD_VAE_FIELDS);
  const { vae_url: address, vae_id: id, webhook, track_id: trackId } = fields;
  const load: Load = {
    field: 'vae_url',
    address,
    id,
    kind: 'vae',
    isForced: false,
    webhook,
    trackId,
  };
  return loaded(load, 'VAE load started', call, context);
}

async function loaded(
  load: Load,
  message: string,
  { waitSeconds, signal }: Call,
  context: ApiContext,
): Promise<object> {
  const { library, loads, settings, clock } = context;
  if (library === undefined) return errorBody('Nothing can be added here.');
  checkAddress(load);
  if (load.isForced) await forget(load.id, library);
  loads.set(load.id, { status: 'processing' });
  const looking = library.add(load.address, {
    id: load.id,
    kind: load.kind,
    name: load.name,
    revision: load.revision,
    signal,
  });
  const coming = looking.then((entry) => come(load, entry, context));
  coming.catch((error: unknown) => void report(load, error, context));
  const patience = new AbortController();
  const seconds = waitSeconds ?? settings.waitSeconds;
  const late = Number.isFinite(seconds)
    ? clock.sleep(seconds * 1000, patience.signal).then(
        () => true,
        () => true,
      )
    : new Promise<never>(() => undefined);
  try {
    const isLate = await Promise.race([looking.then(() => false), late]);
    return isLate ? { status: 'processing', message } : { status: 'success', message };
  } finally {
    patience.abort();
  }
}

/** Requests may name what is on the web, and nothing on this machine's disk. */
function checkAddress({ field, address }: Load): void {
  const isWeb = URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
  if (isWeb || /^[\w.-]+\/[\w.-]+$/.test(address)) return;
  throw fieldError({
    [field]: [
      `${theField(field)} must be an address that begins with https://, or a repository such as stabilityai/sd-turbo.`,
    ],
  });
}

async function forget(id: string, library: Library): Promise<void> {
  const known = library.entries().find((entry) => entry.id === id && entry.isOwn);
  if (known !== undefined) await library.remove(known);
}

/** Downloads what was added; what proves to be no use is taken off again. */
async function come(load: Load, entry: LibraryEntry, context: ApiContext): Promise<void> {
  const { library } = context;
  try {
    await library?.download(entry);
  } catch (error) {
    const isUseless =
      isEngineError(error) && ['model-malformed', 'unsupported'].includes(error.code);
    if (isUseless && entry.isOwn) await library?.remove(entry);
    throw error;
  }
  context.loads.forget(load.id);
  await tell(load, { status: 'success', message: 'model loaded' }, context);
}

async function report(load: Load, error: unknown, context: ApiContext): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const news = { status: 'failed', message } as const;
  context.loads.set(load.id, news);
  await tell(load, news, context);
}

async function tell(
  { id, webhook, trackId }: Load,
  news: { readonly status: string; readonly message: string },
  { clock, fetch: post }: ApiContext,
): Promise<void> {
  if (webhook === null) return;
  const payload = { ...news, model_id: id, track_id: trackId };
  await callWebhook(webhook, payload, { clock, post });
}
