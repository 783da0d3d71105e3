/**
 * Jobs one after another, first come, first served: a GPU draws one picture as fast as two at half the speed.
 *
 * Every job is a record in the storage from its acceptance on, and so are its files once it is done. A queue runs only its
 * own jobs. A job whose queue is gone, because the page was reloaded or the process ended, is found failed, with a message
 * that says so.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { JobRecord, JobState, JobStorage } from './storage.ts';

/** A file that a job gives; its name is its key in the storage, and so must be there once. */
export type NamedFile = { readonly name: string; readonly blob: Blob };

/** What a job gets to run with. */
export type JobContext = {
  readonly id: number;
  /** Aborted when the job is cancelled. */
  readonly signal: AbortSignal;
  /** Takes what the job knows of the seconds that it still needs. */
  readonly tell: (secondsLeft: number) => void;
};

/** Work for the queue. */
export type JobTask = {
  readonly note: JobRecord['note'];
  /** Whether the job and its files may be dropped after a day; default no. */
  readonly isTemporary?: boolean;
  /** Seconds that it will take, as far as one can tell when asked. */
  readonly estimate: () => number;
  readonly run: (context: JobContext) => Promise<readonly NamedFile[]>;
};

/** A job in its final state, and, when it failed in this queue, what was thrown. */
export type Ended = { readonly job: JobRecord; readonly error?: unknown };

/** An accepted job. */
export type Accepted = { readonly id: number; readonly ended: Promise<Ended> };

/** Options of a {@link JobQueue}. */
export type JobQueueOptions = {
  readonly storage: JobStorage;
  /** Default the platform's. */
  readonly clock?: Clock;
  /** Most jobs that may wait behind the running one. Default 10. */
  readonly maxWaiting?: number;
  /** How many jobs are kept after their end; the oldest go first. Default 200. */
  readonly maxKept?: number;
  /** This queue's name in records, and whether another one still runs. Default: a new name, and no other does. */
  readonly presence?: Presence;
};

/** Which queues there are, over one storage. */
export type Presence = {
  readonly owner: string;
  readonly isAlive: (owner: string) => Promise<boolean>;
};

/** Milliseconds for which a temporary job is kept. */
const DAY = 24 * 60 * 60 * 1000;

/** What is said of a job that was cancelled. */
const CANCELLED = 'cancelled';

const INTERRUPTED =
  'The job was interrupted: the page was closed or reloaded, or the server stopped, before it was done. Send it again.';

type Live = {
  record: JobRecord;
  readonly task: JobTask;
  readonly controller: AbortController;
  readonly ended: Promise<Ended>;
  readonly resolve: (ended: Ended) => void;
  /** When the job ends, as far as one can tell; in milliseconds since 1970. Undefined while it waits. */
  endsAt?: number;
};

/** See the file's header. */
export class JobQueue {
  readonly #storage: JobStorage;
  readonly #clock: Clock;
  readonly #presence: Presence;
  readonly #maxWaiting: number;
  readonly #maxKept: number;
  readonly #live = new Map<number, Live>();
  /** Records that the storage did not take. */
  readonly #unsaved = new Map<number, JobRecord>();
  #waiting: Live[] = [];
  #running: Live | undefined;
  #accepting = 0;

  constructor({
    storage,
    clock = systemClock,
    maxWaiting = 10,
    maxKept = 200,
    presence = { owner: crypto.randomUUID(), isAlive: () => Promise.resolve(false) },
  }: JobQueueOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#presence = presence;
    this.#maxWaiting = maxWaiting;
    this.#maxKept = maxKept;
  }

  /** Most jobs that may wait behind the running one. */
  get maxWaiting(): number {
    return this.#maxWaiting;
  }

  /** Jobs that are not done, the running one included. */
  get length(): number {
    return this.#waiting.length + this.#accepting + (this.#running === undefined ? 0 : 1);
  }

  /** Seconds until all jobs are done. */
  get secondsLeft(): number {
    const waiting = this.#waiting.map(({ task }) => task.estimate());
    return waiting.reduce((sum, seconds) => sum + seconds, this.#runningSeconds());
  }

  /** Accepts a job and stores its record; undefined when the queue is full. */
  async submit(task: JobTask): Promise<Accepted | undefined> {
    if (this.length > this.#maxWaiting) return undefined;
    this.#accepting++;
    try {
      const live = liveJob(await this.#newRecord('queued', task), task);
      await this.#storage.jobs.set(live.record.id, live.record);
      this.#live.set(live.record.id, live);
      this.#waiting.push(live);
      return { id: live.record.id, ended: live.ended };
    } catch (error) {
      throw notStored(error);
    } finally {
      this.#accepting--;
      this.#next();
    }
  }

  /** The job `id`, from this queue or any other over the same storage; undefined when there is none, or no more. */
  async find(id: number): Promise<JobRecord | undefined> {
    const record =
      this.#live.get(id)?.record ?? this.#unsaved.get(id) ?? (await this.#storage.jobs.get(id));
    if (record === undefined) return undefined;
    if (record.expiresAt !== undefined && record.expiresAt <= this.#clock.now()) {
      await this.remove(id);
      return undefined;
    }
    if (isFinal(record.state) || this.#live.has(id)) return record;
    const { owner, isAlive } = this.#presence;
    if (record.owner !== owner && (await isAlive(record.owner))) return record;
    return this.#save(ended(record, 'failed', this.#clock.now(), { message: INTERRUPTED }));
  }

  /** Seconds that the job `id` of this queue still needs, those before it included; 0 when it is none. */
  eta(id: number): number {
    if (this.#running?.record.id === id) return this.#runningSeconds();
    const index = this.#waiting.findIndex(({ record }) => record.id === id);
    return this.#waiting
      .slice(0, index + 1)
      .reduce((sum, { task }) => sum + task.estimate(), index < 0 ? 0 : this.#runningSeconds());
  }

  /** Cancels the job `id`; undefined when there is none, its record as it is when it had ended. */
  async cancel(id: number): Promise<JobRecord | undefined> {
    const live = this.#live.get(id);
    if (live === undefined) {
      const record = await this.find(id);
      if (record === undefined || isFinal(record.state)) return record;
      return this.#save(ended(record, 'cancelled', this.#clock.now(), { message: CANCELLED }));
    }
    this.#waiting = this.#waiting.filter((other) => other !== live);
    live.controller.abort(new DOMException('The job was cancelled.', 'AbortError'));
    await this.#end(live, 'cancelled', { message: CANCELLED });
    return live.record;
  }

  /** Cancels all jobs of this queue. */
  async clear(): Promise<void> {
    await Promise.all([...this.#live.keys()].map((id) => this.cancel(id)));
  }

  /** Stores files under a number of their own, as a job that is done. */
  async keep(
    files: readonly NamedFile[],
    about: Pick<JobTask, 'note' | 'isTemporary'>,
  ): Promise<number> {
    try {
      const record = await this.#newRecord('success', about);
      await this.#storeFiles(files);
      await this.#storage.jobs.set(record.id, {
        ...record,
        endedAt: record.createdAt,
        files: files.map(({ name }) => name),
      });
      void this.#sweep();
      return record.id;
    } catch (error) {
      throw notStored(error);
    }
  }

  /** The file `name`; undefined when there is none. */
  file(name: string): Promise<Blob | undefined> {
    return this.#storage.files.get(name);
  }

  /** Forgets the job `id` and its files; whether there was one that has ended. */
  async remove(id: number): Promise<boolean> {
    if (this.#live.has(id)) return false;
    const record = this.#unsaved.get(id) ?? (await this.#storage.jobs.get(id));
    if (record === undefined) return false;
    for (const name of record.files) await this.#storage.files.delete(name);
    await this.#storage.jobs.delete(id);
    return true;
  }

  async #newRecord(
    state: JobState,
    { note, isTemporary = false }: Pick<JobTask, 'note' | 'isTemporary'>,
  ): Promise<JobRecord> {
    const createdAt = this.#clock.now();
    return {
      id: await this.#storage.nextId(),
      state,
      createdAt,
      ...(isTemporary ? { expiresAt: createdAt + DAY } : {}),
      files: [],
      owner: this.#presence.owner,
      note,
    };
  }

  #next(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#waiting.shift();
    if (this.#running !== undefined) void this.#run(this.#running);
  }

  async #run(live: Live): Promise<void> {
    const { task, controller, record } = live;
    live.endsAt = this.#clock.now() + task.estimate() * 1000;
    live.record = { ...record, state: 'processing' };
    await this.#save(live.record);
    try {
      controller.signal.throwIfAborted();
      const files = await task.run({
        id: record.id,
        signal: controller.signal,
        tell: (secondsLeft) => (live.endsAt = this.#clock.now() + secondsLeft * 1000),
      });
      controller.signal.throwIfAborted();
      // Another tab can cancel only the record.
      if ((await this.#storage.jobs.get(record.id))?.state === 'cancelled') {
        await this.#end(live, 'cancelled', { message: CANCELLED });
        return;
      }
      await this.#storeFiles(files).catch((error: unknown) => {
        throw notStored(error);
      });
      await this.#end(live, 'success', { files: files.map(({ name }) => name) });
    } catch (error) {
      // What is no EngineError was not foreseen: whoever writes the reply has words for that.
      const message = isEngineError(error) ? { message: error.message } : {};
      await this.#end(live, 'failed', message, error);
    } finally {
      this.#running = undefined;
      this.#next();
    }
  }

  async #storeFiles(files: readonly NamedFile[]): Promise<void> {
    for (const { name, blob } of files) await this.#storage.files.set(name, blob);
  }

  /** The first end counts: a job that was cancelled is not failed by its abort afterwards. */
  async #end(
    live: Live,
    state: JobState,
    facts: Pick<JobRecord, 'message'> | Pick<JobRecord, 'files'>,
    error?: unknown,
  ): Promise<void> {
    const { record } = live;
    if (!this.#live.delete(record.id)) return;
    live.record = ended(record, state, this.#clock.now(), facts);
    await this.#save(live.record);
    live.resolve({ job: live.record, ...(error === undefined ? {} : { error }) });
    void this.#sweep();
  }

  async #save(record: JobRecord): Promise<JobRecord> {
    try {
      await this.#storage.jobs.set(record.id, record);
      this.#unsaved.delete(record.id);
    } catch {
      this.#unsaved.set(record.id, record);
    }
    return record;
  }

  async #sweep(): Promise<void> {
    try {
      const now = this.#clock.now();
      const done = (await this.#storage.jobs.all()).filter(({ state }) => isFinal(state));
      const isExpired = ({ expiresAt = Infinity }: JobRecord): boolean => expiresAt <= now;
      const kept = done.filter((record) => !isExpired(record)).toSorted((a, b) => b.id - a.id);
      const dropped = [...done.filter(isExpired), ...kept.slice(this.#maxKept)];
      for (const { id } of dropped) await this.remove(id);
    } catch {
      // A storage that cannot tidy up now can the next time.
    }
  }

  #runningSeconds(): number {
    const { endsAt } = this.#running ?? {};
    return endsAt === undefined ? 0 : Math.max(0, (endsAt - this.#clock.now()) / 1000);
  }
}

function liveJob(record: JobRecord, task: JobTask): Live {
  const { promise, resolve } = withResolvers<Ended>();
  return { record, task, controller: new AbortController(), ended: promise, resolve };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((take) => (resolve = take));
  return { promise, resolve };
}

function isFinal(state: JobState): boolean {
  return state !== 'queued' && state !== 'processing';
}

function ended(
  record: JobRecord,
  state: JobState,
  endedAt: number,
  facts: Partial<JobRecord>,
): JobRecord {
  return { ...record, state, endedAt, seconds: (endedAt - record.createdAt) / 1000, ...facts };
}

function notStored(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : String(error);
  return new EngineError('runtime-failed', `The job could not be stored: ${reason}`, {
    cause: error,
  });
}
