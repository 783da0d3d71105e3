/**
 * Files from the web, kept on this machine: each is there whole and verified, or not at all.
 *
 * A store is a folder of the origin private file system (`opfs-store.ts`) or of the disk
 * (`node-file-store.ts`). It knows addresses, lengths and digests, but nothing of models. Nothing is ever
 * removed but by {@link DownloadStore.delete}.
 */

import { EngineError } from '../errors.ts';
import type { ByteSource } from '../weights/checkpoint.ts';
import { acquire, type StoreContext } from './acquire.ts';
import { systemClock, type Clock } from './clock.ts';
import { listHubFiles, type HubFile, type HubRepository } from './hub.ts';
import type { Locks } from './locks.ts';
import { keepCopy } from './keep-copy.ts';
import { ProgressReporter, type DownloadProgress } from './progress.ts';
import { remoteSource } from './remote-source.ts';
import type { Fetch } from './request.ts';
import { rehash } from './rehash.ts';
import { Shelf } from './shelf.ts';
import { Slots } from './slots.ts';
import type { StoreFolder } from './storage.ts';
import { checkPath, checkTarget, type DownloadTarget } from './target.ts';
import type { TokenStore } from './tokens.ts';

/** What a store is made of. */
export type DownloadStoreOptions = {
  readonly folder: StoreFolder;
  readonly locks: Locks;
  readonly tokens: TokenStore;
  /** Downloads at the same time; others wait. Default 3. */
  readonly parallel?: number;
  /** Milliseconds without a byte after which a connection counts as lost. Default 60 000. */
  readonly stallMs?: number;
  /** Origins with the API of a Hugging Face hub. Default `https://huggingface.co`. */
  readonly hubs?: readonly string[];
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Sends all requests. Default: the platform's `fetch`. */
  readonly fetch?: Fetch;
};

/** Options of {@link DownloadStore.download}. */
export type DownloadOptions = {
  /** Pauses: the part stays, and the next download goes on from there. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Cancels: as `signal`, but the part is deleted. */
  readonly cancel?: AbortSignal | undefined;
  /** Hears how far the download is, also when another tab does it; ten times a second at most. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
};

/** A file of a store, whole or in part. */
export type StoredFile = {
  readonly path: string;
  /** `damaged`: {@link DownloadStore.verify} found other content than was downloaded. */
  readonly state: 'whole' | 'part' | 'damaged';
  /** Where it came from. */
  readonly url: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Length of the whole file; undefined while the server has not told it. */
  readonly size: number | undefined;
  /** Of the content, in hexadecimal; undefined for a part. */
  readonly sha256: string | undefined;
  /** When the file was last written, in milliseconds since 1970; undefined for a part, or where that is not told. */
  readonly modified: number | undefined;
  /** Whether that digest was known beforehand, rather than computed from what came. */
  readonly verified: boolean;
};

/** How much a store holds, and could hold. */
export type StoreUsage = {
  /** Bytes of its files and parts. */
  readonly stored: number;
  /** Bytes that can still be written; undefined where that is not told. */
  readonly free: number | undefined;
  /** Whether the browser promised not to remove the files by itself; undefined outside of browsers. */
  readonly persisted: boolean | undefined;
};

/** What somebody says who wants a file that others may be at. */
type Joining = { readonly path: string; readonly isJoining: true };

/** See the file's header. Every tab, worker or process opens a store of its own over the same folder. */
export class DownloadStore {
  /** Access tokens by host. */
  readonly tokens: TokenStore;
  readonly #context: StoreContext;
  readonly #shelf: Shelf;
  readonly #locks: Locks;

  constructor(options: DownloadStoreOptions) {
    const { folder, locks, tokens, parallel = 3, stallMs = 60_000 } = options;
    const { hubs = ['https://huggingface.co'], clock = systemClock } = options;
    const { fetch: send = (url, init) => fetch(url, init) } = options;
    this.tokens = tokens;
    this.#locks = locks;
    this.#shelf = new Shelf(folder);
    this.#context = {
      folder,
      shelf: this.#shelf,
      fetch: send,
      tokens,
      clock,
      stallMs,
      hubs,
      lists: new Map(),
      slots: new Slots(parallel),
      remaining: new Map(),
    };
  }

  /**
   * The file, which is downloaded unless it is here already. Where another tab is at it, its result is waited
   * for. A lost connection is taken up again, and so is a download of an earlier session.
   *
   * Without a SHA-256, one is asked of the hub, if the address is a hub's; the length alone is checked
   * otherwise. Throws EngineError `invalid-argument`, `download-failed`, `access-denied`,
   * `integrity-mismatch` or `storage-full`.
   */
  async download(target: DownloadTarget, options: DownloadOptions = {}): Promise<ByteSource> {
    const { signal, cancel, onProgress } = options;
    const file = checkTarget(target);
    const stop = AbortSignal.any([signal, cancel].filter((item) => item !== undefined));
    stop.throwIfAborted();
    const { path } = file;
    let isOurs = false;
    const channel = new BroadcastChannel(this.#name('progress'));
    const tell = (progress: DownloadProgress | undefined): void => {
      if (isOurs && progress !== undefined && progress.phase !== 'done')
        channel.postMessage(progress);
    };
    const reporter = new ProgressReporter(path, this.#context.clock, (progress) => {
      onProgress?.(progress);
      tell(progress);
    });
    channel.addEventListener('message', ({ data }: MessageEvent<DownloadProgress | Joining>) => {
      if (data.path !== path) return;
      // Whoever comes later hears how far it is, also when no more comes.
      if ('isJoining' in data) tell(reporter.latest);
      else if (!isOurs) onProgress?.(data);
    });
    const work = async (): Promise<ByteSource> => {
      isOurs = true;
      return acquire(this.#context, file, { signal: stop, cancel, reporter });
    };
    try {
      reporter.report('waiting');
      channel.postMessage({ path, isJoining: true } satisfies Joining);
      const source = await this.#locks.hold(this.#name(path), work, { signal: stop });
      if (source === undefined) throw new Error('a lock that was waited for was not given');
      return source;
    } finally {
      channel.close();
    }
  }

  /** Whether the file is here, whole; its length is looked at, its content is not. */
  async has(path: string): Promise<boolean> {
    return (await this.#shelf.find(checkPath(path))) !== undefined;
  }

  /** The file, if it is here and whole; its length is looked at, its content is not. */
  async get(path: string): Promise<ByteSource | undefined> {
    return (await this.#shelf.find(checkPath(path)))?.source;
  }

  /** All files and parts, by path. */
  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for (const path of await this.#shelf.paths()) {
      const file = await this.#describe(path);
      if (file !== undefined) files.push(file);
    }
    return files;
  }

  /**
   * Removes a file and what has come of it; one that is not there is no error. Throws EngineError
   * `invalid-argument` while it is being downloaded, in this tab or another.
   */
  async delete(path: string): Promise<void> {
    await this.#alone(path, () => this.#shelf.remove(path));
  }

  /**
   * Reads the whole file again; false when its content is not what was downloaded. Such a file counts as
   * absent from then on, until it is downloaded again. Throws EngineError `invalid-argument` when it is not
   * here, or being downloaded.
   */
  async verify(path: string, options: Omit<DownloadOptions, 'cancel'> = {}): Promise<boolean> {
    const { signal, onProgress } = options;
    return this.#alone(path, async () => {
      const whole = await this.#shelf.find(path);
      if (whole === undefined) {
        throw new EngineError('invalid-argument', `${path} is not here, so it cannot be verified`, {
          detail: { path },
        });
      }
      const { source, record } = whole;
      const reporter = new ProgressReporter(path, this.#context.clock, (progress) =>
        onProgress?.(progress),
      );
      const digest = await rehash(source, {
        signal,
        onRead: (done) => reporter.report('checking', done, record.size),
      });
      if (digest !== record.sha256) {
        await this.#shelf.markDamaged(path, record);
        return false;
      }
      reporter.report('done', record.size, record.size);
      return true;
    });
  }

  /**
   * A file where it is, at an address: what is read of it is fetched, and nothing is kept. For headers of files that may
   * be downloaded later. Throws what a download throws.
   */
  async peek(
    url: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ByteSource> {
    const { signal = new AbortController().signal } = options;
    const target = checkTarget({ url, path: fileNameOf(url) });
    return remoteSource(target, { ...this.#context, signal });
  }

  /**
   * Copies a file from elsewhere to `path`, whole or not at all; what lies there is replaced. Throws EngineError
   * `storage-full`, `invalid-argument` while the path is in use, and what the source throws.
   */
  async keep(
    path: string,
    source: ByteSource,
    options: Omit<DownloadOptions, 'cancel'> = {},
  ): Promise<void> {
    const { signal, onProgress } = options;
    await this.#alone(path, async () => {
      const reporter = new ProgressReporter(path, this.#context.clock, (progress) =>
        onProgress?.(progress),
      );
      await keepCopy(this.#context, path, { source, signal, reporter });
    });
  }

  /** How much is stored here, and how much more could be. */
  async usage(): Promise<StoreUsage> {
    const { free, persisted } = await this.#context.folder.space();
    const stored = (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
    return { stored, free, persisted };
  }

  /** All files of a repository on a hub, to choose from. Throws what a download throws. */
  async listHub(
    where: HubRepository,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<HubFile[]> {
    const { signal = new AbortController().signal } = options;
    return listHubFiles(where, { ...this.#context, signal });
  }

  async #describe(path: string): Promise<StoredFile | undefined> {
    const shelf = this.#shelf;
    const whole = await shelf.find(path);
    const record = whole?.record ?? (await shelf.record(path));
    if (record !== undefined && (whole !== undefined || record.damaged)) {
      const { url, size, sha256, verified } = record;
      const state = record.damaged ? 'damaged' : 'whole';
      const modified = whole?.source.modified;
      return { path, state, url, bytes: size, size, sha256, modified, verified };
    }
    const journal = await shelf.journal(path);
    if (journal === undefined) return undefined;
    const { url, length } = journal;
    const bytes = await shelf.partSize(path);
    const unknown = { sha256: undefined, modified: undefined, verified: false };
    return { path, state: 'part', url, bytes, size: length, ...unknown };
  }

  /** Does `work` while nobody downloads, verifies or deletes the file. */
  async #alone<T>(path: string, work: () => Promise<T>): Promise<T> {
    const name = this.#name(checkPath(path));
    const result = await this.#locks.hold(name, async () => ({ value: await work() }), {
      ifFree: true,
    });
    if (result === undefined) {
      throw new EngineError(
        'invalid-argument',
        `${path} is in use: it is being downloaded or verified here, in another tab or by another program; stop that first`,
        { detail: { path } },
      );
    }
    return result.value;
  }

  /** Names of locks and channels are shared by everything of the same origin. */
  #name(of: string): string {
    return `local-diffusion/downloads/${this.#context.folder.id}/${of}`;
  }
}

/** What messages call the file at an address. */
function fileNameOf(url: string): string {
  const name = URL.canParse(url) ? new URL(url).pathname.split('/').at(-1) : undefined;
  return name === undefined || name === '' ? 'file' : name.replaceAll(/[^\w.-]/g, '_');
}
