/**
 * Brings the bytes of one file from a server into a part file, over as many connections as it takes.
 *
 * It goes on where the last connection broke, as long as the server still has the same file, and starts over
 * where it does not or cannot continue. It knows nothing of where parts lie, nor of other downloads.
 */

import { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import {
  Interrupted,
  keepsChanging,
  unreachable,
  wrongDigest,
  wrongLength,
  type FileAtHost,
} from './failures.ts';
import type { Journal } from './journal.ts';
import type { PartFile } from './part-file.ts';
import type { DownloadPhase } from './progress.ts';
import { isSame, readReply, type Validators } from './reply.ts';
import { request, type Answer, type Fetch } from './request.ts';

/** A file to bring, and everything that takes. */
export type TransferJob = {
  readonly file: FileAtHost;
  /** Holds what came earlier, if it may be continued. */
  readonly part: PartFile;
  /** What was known of the file when the part began; undefined for an empty part. */
  readonly journal: Journal | undefined;
  /** Length in bytes that the file has to have, if that is known. */
  readonly size: number | undefined;
  /** SHA-256 in hexadecimal that it has to have, if that is known. */
  readonly sha256: string | undefined;
  readonly fetch: Fetch;
  /** Headers that let the request in. */
  readonly authorization: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Milliseconds of silence after which a connection counts as lost. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Keeps what a later session needs in order to go on. */
  readonly saveJournal: (journal: Journal) => Promise<void>;
  /** Throws unless the part can grow to `total` bytes. */
  readonly ensureSpace: (total: number) => Promise<void>;
  readonly report: (phase: DownloadPhase, received: number, total: number | undefined) => void;
};

/** Times that a file may be found changed before that counts as an error. */
const MOST_RESTARTS = 3;

/**
 * Runs the job; returns the SHA-256 of the whole file. When it fails, the part holds what can be continued
 * later: nothing, if what came was wrong.
 */
export async function transfer(job: TransferJob): Promise<string> {
  const run = new Transfer(job);
  for (;;) {
    const digest = await run.once();
    if (digest !== undefined) return digest;
  }
}

/** One run of {@link transfer}. */
class Transfer {
  readonly #job: TransferJob;
  readonly #backOff: BackOff;
  #known: Partial<Validators>;
  /** The most bytes of this file that the part ever had: coming anew and falling short again is no progress. */
  #furthest: number;
  #restarts = 0;
  /** Whether the bytes came over more than one connection, so that a wrong digest may be our doing. */
  #isSpliced: boolean;
  /** Whether a wrong digest was already answered by starting over. */
  #isRedone = false;
  /** Whether the server has ever sent a range. */
  #hasRanges = false;
  /** Whether the server said that the file has no first byte. */
  #isEmpty = false;

  constructor(job: TransferJob) {
    const { part, journal, clock } = job;
    this.#job = job;
    this.#backOff = new BackOff(clock);
    this.#known = withoutUndefined(journal ?? {});
    this.#furthest = part.length;
    this.#isSpliced = part.length > 0;
  }

  /** Tries to bring the rest; undefined when more attempts are needed. */
  async once(): Promise<string | undefined> {
    const { part, signal, file } = this.#job;
    try {
      if (this.#isIncomplete()) await this.#attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interrupted)) throw error;
      await this.#recover(error);
      return undefined;
    } finally {
      // What has come is kept, whatever happened; a disk that is full has said so already.
      await part.writeOut().catch(() => undefined);
    }
    const { size, sha256 } = this.#job;
    if (size !== undefined && part.length !== size) {
      const actual = `${part.length} bytes`;
      await part.restart();
      throw wrongLength(file, size, actual);
    }
    const digest = await part.finish();
    if (sha256 === undefined || sha256 === digest) return digest;
    if (!this.#isSpliced || this.#isRedone) {
      await part.restart();
      throw wrongDigest(file, sha256, digest);
    }
    this.#isRedone = true;
    await this.#startOver();
    return undefined;
  }

  #isIncomplete(): boolean {
    const { part } = this.#job;
    return this.#total === undefined || part.length !== this.#total;
  }

  get #total(): number | undefined {
    return this.#known.length ?? this.#job.size;
  }

  async #attempt(): Promise<void> {
    const { file, part, fetch, signal, stallMs, authorization } = this.#job;
    const from = part.length;
    const range: Record<string, string> = this.#asksRange() ? { range: `bytes=${from}-` } : {};
    const answer = await request(file.url, {
      fetch,
      headers: { ...authorization, ...range },
      signal,
      stallMs,
    });
    try {
      const hadToken = 'authorization' in authorization;
      const reply = readReply(file, answer.response, {
        from,
        length: this.#known.length,
        hadToken,
      });
      if (reply.kind === 'complete') return;
      if (reply.kind === 'no-such-range') {
        this.#isEmpty = from === 0;
        await this.#startOver();
        throw new Interrupted(`${file.url.host} has no bytes from ${from} on`, { afterMs: 0 });
      }
      this.#hasRanges ||= answer.response.status === 206;
      await this.#accept(reply.from, reply.validators);
      await this.#receive(answer);
    } finally {
      answer.drop();
    }
  }

  /**
   * Whether to ask for a range. A browser that takes that for a reason to ask the server first may be refused,
   * which looks like a lost connection: as long as no range ever came, try without in turn, but not soon where
   * a part would be lost by it.
   */
  #asksRange(): boolean {
    if (this.#isEmpty) return false;
    if (this.#hasRanges) return true;
    const { failures } = this.#backOff;
    return failures % 2 === 0 || (this.#job.part.length > 0 && failures < 4);
  }

  /** Makes the part fit a body that begins at byte `from`, and refuses a file that is not the one wanted. */
  async #accept(from: number, now: Validators): Promise<void> {
    const { file, part, size, sha256 } = this.#job;
    if (size !== undefined && now.length !== undefined && now.length !== size) {
      throw wrongLength(file, size, `${now.length} bytes`);
    }
    if (from > 0) {
      const same = isSame(this.#known, now);
      // Without a digest to check, a file that nothing identifies is not continued.
      const isContinued = from === part.length && (same ?? sha256 !== undefined);
      if (!isContinued) {
        await this.#startOver();
        throw new Interrupted(`${file.path} was changed at ${file.url.host}`, { afterMs: 0 });
      }
      this.#isSpliced = true;
      this.#known = { ...this.#known, ...withoutUndefined(now) };
      if (this.#total !== undefined) await this.#job.ensureSpace(this.#total);
    } else {
      await part.restart();
      this.#isSpliced = false;
      this.#known = withoutUndefined(now);
      if (this.#total !== undefined) await this.#job.ensureSpace(this.#total);
      const facts = withoutUndefined({ ...now, sha256 });
      await this.#job.saveJournal({ version: 1, url: file.url.href, ...facts });
    }
  }

  async #receive(answer: Answer): Promise<void> {
    const { file, part, report } = this.#job;
    const total = this.#total;
    report('downloading', part.length, total);
    for (;;) {
      const bytes = await answer.next();
      if (bytes === undefined) break;
      if (total !== undefined && part.length + bytes.length > total) {
        await part.restart();
        throw wrongLength(file, total, 'more bytes than that');
      }
      await part.append(bytes);
      if (part.length > this.#furthest) {
        this.#furthest = part.length;
        this.#backOff.progressed();
      }
      report('downloading', part.length, total);
    }
    if (total !== undefined && part.length < total) {
      throw new Interrupted(
        `the connection to ${file.url.host} ended at byte ${part.length} of ${total}`,
      );
    }
  }

  async #startOver(): Promise<void> {
    this.#restarts += 1;
    if (this.#restarts > MOST_RESTARTS) throw keepsChanging(this.#job.file);
    await this.#job.part.restart();
    this.#known = {};
    this.#isSpliced = false;
    this.#furthest = 0;
  }

  async #recover(failure: Interrupted): Promise<void> {
    const { file, part, report, signal } = this.#job;
    if (!this.#backOff.mayRetry()) throw unreachable(file, this.#backOff.failures, failure);
    report('retrying', part.length, this.#total);
    await this.#backOff.wait(failure, signal);
  }
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}
