/**
 * What the queue needs of a place that outlives it: numbers for jobs, their records, and their files.
 */

/** How far a job is. The last three are final. */
export type JobState = 'queued' | 'processing' | 'success' | 'failed' | 'cancelled';

/** A job as plain data, as it is stored. */
export type JobRecord = {
  /** A positive safe integer, larger than those of all earlier jobs. */
  readonly id: number;
  readonly state: JobState;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When the job reached its final state. */
  readonly endedAt?: number;
  /** Seconds from the job's acceptance to its end. */
  readonly seconds?: number;
  /** When the job and its files are dropped; absent: when there are too many others. */
  readonly expiresAt?: number;
  /** Names of its files. */
  readonly files: readonly string[];
  /** Why it failed. */
  readonly message?: string;
  /** Which queue runs it. */
  readonly owner: string;
  /** What whoever asked for it wants to know again: plain data. */
  readonly note: Readonly<Record<string, unknown>>;
};

/** Values by key. Each call is done, or fails, as a whole. */
export type Collection<K, T> = {
  get(key: K): Promise<T | undefined>;
  set(key: K, value: T): Promise<void>;
  delete(key: K): Promise<void>;
};

/** See the file's header. */
export type JobStorage = {
  /** A number larger than every one it gave before, also to other queues over the same storage. */
  nextId(): Promise<number>;
  readonly jobs: Collection<number, JobRecord> & { all(): Promise<readonly JobRecord[]> };
  readonly files: Collection<string, Blob>;
};
