/**
 * Gets one file into a store, by whoever holds the lock of its path.
 */

import type { ByteSource } from '../weights/checkpoint.ts';
import type { Clock } from './clock.ts';
import { storageFull } from './failures.ts';
import { findHubFile, type HubLists } from './hub.ts';
import type { Journal } from './journal.ts';
import { PartFile } from './part-file.ts';
import type { ProgressReporter } from './progress.ts';
import type { Shelf, WholeFile } from './shelf.ts';
import type { Fetch } from './request.ts';
import type { Slots } from './slots.ts';
import type { OpenFile, StoreFolder } from './storage.ts';
import type { CheckedTarget } from './target.ts';
import { authorization, type TokenStore } from './tokens.ts';
import { transfer } from './transfer.ts';

/** What the downloads of one store share. */
export type StoreContext = {
  readonly folder: StoreFolder;
  readonly shelf: Shelf;
  readonly fetch: Fetch;
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly stallMs: number;
  /** Origins with the API of a Hugging Face hub. */
  readonly hubs: readonly string[];
  readonly lists: HubLists;
  readonly slots: Slots;
  /** Bytes that each download under way still needs, by path. */
  readonly remaining: Map<string, number>;
};

/** How one file is acquired. */
export type AcquireOptions = {
  /** Stops, and keeps the part. */
  readonly signal: AbortSignal;
  /** Stops, and deletes the part; its reason is `signal`'s, too. */
  readonly cancel: AbortSignal | undefined;
  readonly reporter: ProgressReporter;
};

/** Returns the file at the target's path, after downloading it if it is not there or is another one. */
export async function acquire(
  context: StoreContext,
  target: CheckedTarget,
  options: AcquireOptions,
): Promise<ByteSource> {
  const { shelf, slots } = context;
  const { signal, reporter } = options;
  const present = await shelf.find(target.path);
  if (present !== undefined && isWanted(present, target)) {
    reporter.report('done', present.record.size, present.record.size);
    return present.source;
  }
  await slots.run(async () => {
    try {
      await fetchWhole(context, await withDigest(context, target, signal), options);
    } finally {
      context.remaining.delete(target.path);
    }
  }, signal);
  const whole = await shelf.find(target.path);
  if (whole === undefined) throw new Error(`${target.path} vanished right after its download`);
  reporter.report('done', whole.record.size, whole.record.size);
  return whole.source;
}

/** Whether the file that is there is the one asked for, as far as that is told. */
function isWanted({ record }: WholeFile, { size, sha256 }: CheckedTarget): boolean {
  return (
    (sha256 === undefined || sha256 === record.sha256) &&
    (size === undefined || size === record.size)
  );
}

/** The target with what its hub says of it, if the address is a hub's and the digest is not known. */
async function withDigest(
  context: StoreContext,
  target: CheckedTarget,
  signal: AbortSignal,
): Promise<CheckedTarget> {
  if (target.sha256 !== undefined) return target;
  const found = await findHubFile(target.url, context.hubs, { ...context, signal });
  if (found === undefined) return target;
  return { ...target, size: target.size ?? found.size, sha256: found.sha256 };
}

async function fetchWhole(
  context: StoreContext,
  target: CheckedTarget,
  options: AcquireOptions,
): Promise<void> {
  const { shelf, remaining } = context;
  const { path, url, sha256 } = target;
  const journal = await shelf.journal(path);
  const file = await shelf.openPart(path);
  let digest: string;
  try {
    digest = await fillPart(context, target, { file, journal, ...options });
    await file.close();
  } catch (error) {
    await file.close();
    const failure = isDiskFull(error)
      ? await shortage(context, path, remaining.get(path), 0)
      : error;
    const isEmpty = (await shelf.partSize(path)) === 0;
    if (isEmpty || options.cancel?.aborted === true) await shelf.discardPart(path);
    throw failure;
  }
  await shelf.commit(path, {
    version: 1,
    url: url.href,
    size: await shelf.partSize(path),
    sha256: digest,
    verified: sha256 !== undefined,
    finished: new Date().toISOString(),
    damaged: false,
  });
}

/** An open part, what is known of it, and how its download is told and stopped. */
type PartOptions = AcquireOptions & {
  readonly file: OpenFile;
  readonly journal: Journal | undefined;
};

/** Brings the whole file into its part; returns its SHA-256. */
async function fillPart(
  context: StoreContext,
  target: CheckedTarget,
  { file, journal, signal, reporter }: PartOptions,
): Promise<string> {
  const { shelf, fetch, tokens, clock, stallMs, remaining } = context;
  const { path, url, size, sha256 } = target;
  const part = await PartFile.over(file);
  if (journal !== undefined && continues(journal, target)) {
    await part.reread((done, total) => reporter.report('checking', done, total), signal);
  } else {
    await part.restart();
  }
  return transfer({
    file: target,
    part,
    journal: part.length > 0 ? journal : undefined,
    size,
    sha256,
    fetch,
    authorization: await authorization(url, tokens),
    clock,
    stallMs,
    signal,
    saveJournal: (news) => shelf.saveJournal(path, news),
    ensureSpace: (total) => ensureSpace(context, path, part, total),
    report: (phase, received, total) => {
      if (total !== undefined) remaining.set(path, total - received);
      reporter.report(phase, received, total);
    },
  });
}

/** Whether a part can be taken up: it came from this address, and was not meant to be another file. */
function continues(journal: Journal, { url, sha256 }: CheckedTarget): boolean {
  const isOther = sha256 !== undefined && journal.sha256 !== undefined && sha256 !== journal.sha256;
  return journal.url === url.href && !isOther;
}

async function ensureSpace(
  context: StoreContext,
  path: string,
  part: PartFile,
  total: number,
): Promise<void> {
  const needed = total - part.length;
  const promised = promisedBut(context, path);
  const { free: told } = await context.folder.space();
  // What a browser tells may be a made-up number. Only a part that is empty is tried out, for there is nothing
  // in it that a crash at that moment could spoil.
  const found = part.length === 0 ? await part.room(needed + promised) : needed + promised;
  const free = Math.min(told ?? found, found);
  if (free < needed + promised) throw await shortage(context, path, needed, free);
}

/** Bytes that downloads other than that of `path` still need. */
function promisedBut({ remaining }: StoreContext, path: string): number {
  let sum = 0;
  for (const [other, bytes] of remaining) if (other !== path) sum += bytes;
  return sum;
}

/** The error for a path that does not fit, with what could be deleted. */
export async function shortage(
  context: StoreContext,
  path: string,
  needed: number | undefined,
  free: number,
): Promise<Error> {
  const { shelf } = context;
  const others = [];
  for (const other of await shelf.paths()) {
    if (other === path) continue;
    const bytes = (await shelf.find(other))?.record.size ?? (await shelf.partSize(other));
    others.push({ path: other, bytes });
  }
  const kept = await shelf.partSize(path);
  return storageFull({ path, needed, kept, promised: promisedBut(context, path), free, others });
}

/** Whether a file could not be written for want of room; newer browsers have a class of its own for it. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && error.name === 'QuotaExceededError';
}
