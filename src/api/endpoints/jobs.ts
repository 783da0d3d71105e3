/**
 * From a task to a reply: queue it, wait a while, answer with what there is then.
 */

import { isEngineError } from '../../errors.ts';
import type { Accepted, Ended, JobTask } from '../../jobs/job-queue.ts';
import type { JobRecord } from '../../jobs/storage.ts';
import { callWebhook } from '../../jobs/webhook.ts';
import type { ApiContext, Call } from '../context.ts';
import { bodyOfError, errorBody, ERROR_MESSAGES, failedBody } from '../response.ts';

/** What a reply needs to know of a job afterwards; plain data, stored with it. */
export type JobNote = {
  /** Whether replies name the one file by itself, not in a list. */
  readonly isSingle?: boolean;
};

/** A task with the replies to it. */
export type Answered = {
  readonly task: Omit<JobTask, 'note'> & { readonly note: JobNote };
  /** Where to tell of the end; null: nowhere. */
  readonly webhook: string | null;
  readonly trackId: string | number | null;
  /** Whether not to wait at all. */
  readonly isInstant: boolean;
  readonly success: (job: JobRecord, output: readonly string[]) => object;
  readonly processing: (id: number, eta: number) => object | Promise<object>;
};

/** Queues a task; answers with its result, or, when that takes too long, with how to get it later. */
export async function answerWithJob(
  { task, webhook, trackId, isInstant, success, processing }: Answered,
  call: Call,
  context: ApiContext,
): Promise<object> {
  const { queue, settings } = context;
  const accepted = await queue.submit(task);
  if (accepted === undefined) return fullQueueBody(context);
  const result = async ({ job, error }: Ended): Promise<object> => {
    if (job.state === 'success') return success(job, await outputOf(job, call.origin, context));
    return job.state === 'cancelled' ? failedJobBody(job) : bodyOfError(error, call.version);
  };
  if (webhook !== null) {
    const tell = async (ended: Ended): Promise<void> => {
      const { job } = ended;
      const payload =
        job.state === 'success' ? await result(ended) : { ...failedJobBody(job), id: job.id };
      await callWebhook(
        webhook,
        { ...payload, track_id: trackId },
        {
          clock: context.clock,
          post: context.fetch,
        },
      );
    };
    // Best effort: nobody waits for it.
    accepted.ended.then(tell).catch(context.onError);
  }
  const tellUnforeseen = ({ error }: Ended): void => {
    if (error !== undefined && !isEngineError(error)) context.onError(error);
  };
  void accepted.ended.then(tellUnforeseen);
  const seconds = isInstant ? 0 : (call.waitSeconds ?? settings.waitSeconds);
  const ended = seconds > 0 ? await endedWithin(accepted, seconds, call, context) : undefined;
  if (ended !== undefined) return result(ended);
  return processing(accepted.id, queue.eta(accepted.id));
}

/** The reply to a request that the queue has no room for. */
function fullQueueBody({ queue }: ApiContext): object {
  const message = `Rate limit exceeded. Maximum ${queue.maxWaiting} queued requests allowed.`;
  const seconds = Math.max(1, Math.ceil(queue.secondsLeft / queue.length));
  return { ...errorBody(message), retry_after: seconds };
}

/** What became of a job that gave nothing. */
export function failedJobBody({ message }: JobRecord): ReturnType<typeof failedBody> {
  return failedBody(message ?? ERROR_MESSAGES.failed);
}

/** What replies name as a job's output: addresses, or with inline base64 the files' own text. */
export async function outputOf(
  { files }: Pick<JobRecord, 'files'>,
  origin: string,
  { links, queue, settings }: ApiContext,
): Promise<string[]> {
  const inline = async (name: string): Promise<string | undefined> => {
    if (settings.base64Form === 'file' || !name.endsWith('.base64')) return undefined;
    return (await queue.file(name))?.text();
  };
  return Promise.all(files.map(async (name) => (await inline(name)) ?? links.link(name, origin)));
}

/** The end of a job; undefined when it takes longer. An abort of the call cancels the job. */
async function endedWithin(
  { id, ended }: Accepted,
  seconds: number,
  { signal }: Call,
  { clock, queue }: ApiContext,
): Promise<Ended | undefined> {
  const enough = new AbortController();
  const stop = (): void => enough.abort();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    const late =
      seconds === Infinity ? aborted(enough.signal) : clock.sleep(seconds * 1000, enough.signal);
    const first = await Promise.race([ended, late.then(() => undefined)]);
    if (signal?.aborted === true) {
      await queue.cancel(id);
      throw signal.reason;
    }
    return first;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
