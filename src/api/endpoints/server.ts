/**
 * How busy this place is, and what its owner may do with it.
 */

import type { ApiContext, Call } from '../context.ts';

/** system_load: jobs that are not done, and the seconds until they are. */
export async function systemLoad(_: Call, { queue }: ApiContext): Promise<object> {
  return { queue_num: queue.length, queue_time: queue.secondsLeft, status: 'ok' };
}

/** system_details: how many models there are, and the seconds until all jobs are done. */
export async function systemDetails(_: Call, { models, queue }: ApiContext): Promise<object> {
  return { model_count: models.entries.length, queue_time: queue.secondsLeft, status: 'ok' };
}

/** request_count: jobs that are not done. */
export async function requestCount(_: Call, { queue }: ApiContext): Promise<object> {
  return { status: 'success', count: queue.length };
}

/** restart_server: ends the engine and cancels all jobs; the next request starts it again. */
export async function restartServer(_: Call, { artist, queue }: ApiContext): Promise<object> {
  await queue.clear();
  await artist.restart();
  return { status: 'success', message: 'server restarting' };
}

/** update_server: there is nothing to do; the code is as new as the page or the package that brought it. */
export async function updateServer(): Promise<object> {
  const tip = 'Nothing was updated: the version is that of the page or package that runs this.';
  return { status: 'success', message: 'server updating', tip };
}

/** update_s3: taken and forgotten, secrets first of all. */
export async function updateS3(): Promise<object> {
  return {
    status: 'success',
    message: 'settings accepted',
    warnings: ['Pictures stay on this machine; the settings were not stored.'],
  };
}

/** clear_cache: frees the memory that models hold. */
export async function clearCache({ version }: Call, { artist }: ApiContext): Promise<object> {
  await artist.clear();
  const message = version === 'enterprise' ? 'Cache cleared successfully' : 'Cache cleared';
  return { status: 'success', message };
}

/** clear_queue: cancels all jobs. */
export async function clearQueue(_: Call, { queue }: ApiContext): Promise<object> {
  await queue.clear();
  return { status: 'success', message: 'Queue cleared, server is restarting' };
}
