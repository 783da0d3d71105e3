/**
 * What became of a job: asked for by its number, in the path or in the body; and its cancelling.
 */

import type { JobRecord } from '../../jobs/storage.ts';
import type { ApiContext, Call } from '../context.ts';
import { ERROR_MESSAGES, failedBody } from '../response.ts';
import { toNumber } from '../schema/coerce.ts';
import { VERSIONS } from '../schema/versions.ts';
import { failedJobBody, outputOf, type JobNote } from './jobs.ts';

const NOT_YET = 'try again later.';

/** The state of a job, with its output once it is done. */
export async function fetchJob(call: Call, context: ApiContext): Promise<object> {
  const { queue } = context;
  const job = await jobOf(call, (id) => queue.find(id));
  if (job === undefined) return failedBody(ERROR_MESSAGES.requestUnknown);
  const { id, state } = job;
  if (state === 'queued' || state === 'processing') {
    return {
      status: 'processing',
      message: NOT_YET,
      messege: NOT_YET,
      id,
      eta: queue.eta(id),
      output: '',
    };
  }
  if (state !== 'success') return failedJobBody(job);
  const output = await outputOf(job, call.origin, context);
  const { isSingle = false } = job.note as JobNote;
  return {
    status: 'success',
    id,
    output: isSingle ? (output[0] ?? '') : output,
    ...(VERSIONS[call.version].hasLinksBesideMeta && !isSingle ? { proxy_links: output } : {}),
  };
}

/** Cancels a job that has not ended. */
export async function cancelJob(call: Call, { queue }: ApiContext): Promise<object> {
  const job = await jobOf(call, (id) => queue.cancel(id));
  if (job === undefined) return failedBody(ERROR_MESSAGES.requestUnknown);
  return job.state === 'cancelled'
    ? { status: 'success', message: 'cancelled' }
    : failedBody('The job has ended already.');
}

/** The number of the job that is asked for; undefined when there is no readable one. */
export function requestedId({ pathId, body }: Pick<Call, 'pathId' | 'body'>): number | undefined {
  const fields = body as Readonly<Record<string, unknown>>;
  const id = toNumber(pathId ?? fields['request_id'] ?? fields['id']);
  return Number.isSafeInteger(id) ? id : undefined;
}

async function jobOf(
  call: Call,
  find: (id: number) => Promise<JobRecord | undefined>,
): Promise<JobRecord | undefined> {
  const id = requestedId(call);
  return id === undefined ? undefined : find(id);
}
