/**
 * Which models there are, and loading them ahead.
 */

import type { ModelEntry } from '../../models/manifest.ts';
import { unknownModel } from '../choose-model.ts';
import type { ApiContext, Call } from '../context.ts';
import { errorBody } from '../response.ts';
import { readBody } from '../schema/read-body.ts';
import { SCHEDULER_NAMES } from '../schema/scheduler-names.ts';
import { MODEL_FIELDS } from '../schema/tool-fields.ts';

/** model_list: the models with what people want to know of them; a list and nothing around it. */
export async function modelList(_: Call, { models }: ApiContext): Promise<object> {
  return models.entries.map(({ id, name, description = '', instancePrompt = null }) => ({
    model_id: id,
    status: 'model_ready',
    created_at: null,
    instance_prompt: instancePrompt,
    model_name: name,
    description,
    screenshots: '',
  }));
}

/** get_all_models: the models' ids. Models here have no date of loading; the field is there for clients that read it. */
export async function allModels(_: Call, { models }: ApiContext): Promise<object> {
  return {
    status: 'success',
    models: models.entries.map(({ id }) => ({ load_data: '', model_id: id })),
  };
}

/** sync_models: nothing has to be copied, for the models are those of the manifest. */
export async function syncModels(_: Call, { models }: ApiContext): Promise<object> {
  const ids = models.entries.map(({ id }) => id);
  return {
    status: 'success',
    message: `${ids.length} Models synced successfully`,
    model_list: ids,
  };
}

/** verify_model: whether there is such a model, whether it is still coming, and why it has not come. */
export async function verifyModel(call: Call, context: ApiContext): Promise<object> {
  const { model_id: name } = readBody(call.body, MODEL_FIELDS).fields;
  const load = context.loads.of(name);
  // What proved to be no use is on no list; what could not be had may have come since, on a page's shelf.
  if (load?.status === 'failed' && !(await isHere(name, context))) return load;
  const activeOf = (id: string) => context.library?.downloads().find((each) => each.id === id);
  if (load?.status === 'processing' && activeOf(name) === undefined) {
    return { status: 'processing', message: 'Model is being looked at' };
  }
  const { id } = listed(call, context);
  const active = activeOf(id);
  if (active !== undefined) {
    const { received, total } = active.progress;
    const share = total === undefined ? '' : ` (${Math.floor((100 * received) / total)} %)`;
    return { status: 'processing', message: `Model is being downloaded${share}` };
  }
  return { status: 'success', message: 'Model exists on server' };
}

async function isHere(name: string, { library }: ApiContext): Promise<boolean> {
  const own = library?.entries().filter(({ id, isOwn }) => id === name && isOwn) ?? [];
  const stored = own.length === 0 ? [] : await library?.stored(own);
  return stored?.some(({ state }) => state === 'here') ?? false;
}

/** model_reload: opens a model in its turn, and answers that this has begun. */
export async function reloadModel(call: Call, context: ApiContext): Promise<object> {
  const entry = named(call, context);
  const accepted = await context.queue.submit({
    note: {},
    isTemporary: true,
    estimate: () => 0,
    run: async ({ signal }) => {
      await context.artist.open(entry, { signal });
      return [];
    },
  });
  return accepted === undefined
    ? errorBody('The queue is full; the model is loaded when a request first needs it.')
    : { status: 'success', message: 'model reload started' };
}

/** delete_model: takes what was added off again, with its files; what the manifest says stays. */
export async function deleteModel(call: Call, context: ApiContext): Promise<object> {
  const { id } = listed(call, context);
  const { library } = context;
  const own = library?.entries().find((entry) => entry.id === id && entry.isOwn);
  context.loads.forget(id);
  if (own !== undefined) {
    await library?.remove(own);
    return { status: 'success', message: 'Model deleted on server' };
  }
  return errorBody(
    `${id} is in the manifest of models; take it out there. clear_cache frees its memory.`,
  );
}

/** schedulers_list: all but the last, which the API's own list lacks as well. */
export async function schedulersList(): Promise<object> {
  return { schedulers: SCHEDULER_NAMES.filter((name) => name !== 'LCMScheduler') };
}

/** What is called so, be it a model or something beside models such as an upscaler; what was added here goes before. */
function listed(call: Call, context: ApiContext): { readonly id: string } {
  const { model_id: name } = readBody(call.body, MODEL_FIELDS).fields;
  const others = context.library?.entries().filter(({ id }) => id === name) ?? [];
  const [other] = others.toSorted((a, b) => Number(b.isOwn) - Number(a.isOwn));
  return other ?? named(call, context);
}

function named({ body }: Call, { models }: ApiContext): ModelEntry {
  const { model_id: name } = readBody(body, MODEL_FIELDS).fields;
  const entry = models.find(name);
  if (entry === undefined) throw unknownModel(name, models);
  return entry;
}
