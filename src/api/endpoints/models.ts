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

/** verify_model: whether there is such a model. */
export async function verifyModel(call: Call, context: ApiContext): Promise<object> {
  named(call, context);
  return { status: 'success', message: 'Model exists on server' };
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

/** delete_model: refused, for models are what the manifest says. */
export async function deleteModel(call: Call, context: ApiContext): Promise<object> {
  const { id } = named(call, context);
  return errorBody(
    `${id} is in the manifest of models; take it out there. clear_cache frees its memory.`,
  );
}

/** schedulers_list: all but the last, which the API's own list lacks as well. */
export async function schedulersList(): Promise<object> {
  return { schedulers: SCHEDULER_NAMES.filter((name) => name !== 'LCMScheduler') };
}

function named({ body }: Call, { models }: ApiContext): ModelEntry {
  const { model_id: name } = readBody(body, MODEL_FIELDS).fields;
  const entry = models.find(name);
  if (entry === undefined) throw unknownModel(name, models);
  return entry;
}
