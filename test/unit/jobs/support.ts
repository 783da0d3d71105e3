/**
 * Jobs that a test ends when it likes.
 */

import type { JobContext, JobTask, NamedFile } from '../../../src/jobs/job-queue.ts';

/** A task under a test's control. */
export type ManualTask = JobTask & {
  /** What it was started with; undefined while it waits. */
  readonly started: () => JobContext | undefined;
  readonly finish: (files?: readonly NamedFile[]) => void;
  readonly fail: (error: unknown) => void;
};

/** A task that takes so many seconds by its own estimate. */
export function manualTask(seconds = 10, about: Partial<JobTask> = {}): ManualTask {
  let context: JobContext | undefined;
  let finish: ManualTask['finish'] = () => undefined;
  let fail: ManualTask['fail'] = () => undefined;
  const result = new Promise<readonly NamedFile[]>((resolve, reject) => {
    finish = (files = []) => resolve(files);
    fail = reject;
  });
  return {
    note: {},
    estimate: () => seconds,
    run: (given) => {
      context = given;
      given.signal.addEventListener('abort', () => fail(given.signal.reason));
      return result;
    },
    ...about,
    started: () => context,
    finish,
    fail,
  };
}

/** A file with that text. */
export function textFile(name: string, text = name): NamedFile {
  return { name, blob: new Blob([text], { type: 'text/plain' }) };
}
