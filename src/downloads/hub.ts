/**
 * What a Hugging Face hub says of the files in a repository: paths, lengths and, for large files, SHA-256.
 *
 * The tree API names the digest of a file that lies in LFS (`lfs.oid`); small files have none. The redirect
 * of a download tells it, too, but only in a header that a page cannot read.
 */

import * as v from 'valibot';

import { EngineError } from '../errors.ts';
import { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { Interrupted, refused, unreachable, type FileAtHost } from './failures.ts';
import { readReply } from './reply.ts';
import { request, type Answer, type Fetch } from './request.ts';
import { authorization, type TokenStore } from './tokens.ts';

/** A repository at one revision. */
export type HubRepository = {
  /** Origin of the hub, such as `https://huggingface.co`. */
  readonly hub: string;
  /** Owner and name, such as `stabilityai/sd-turbo`. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
};

/** A file of a repository. */
export type HubFile = {
  /** Path in the repository. */
  readonly path: string;
  /** Where to download it. */
  readonly url: string;
  /** Length in bytes. */
  readonly size: number;
  /** In hexadecimal; undefined for small files, which the hub keeps in git. */
  readonly sha256: string | undefined;
};

/** Lists of files that were asked for a while ago, by the address of their first page. */
export type HubLists = Map<string, { readonly askedAt: number; readonly files: HubFile[] }>;

/** What asking a hub takes. */
export type HubContext = {
  readonly lists: HubLists;
  readonly fetch: Fetch;
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly signal: AbortSignal;
};

const entrySchema = v.object({
  type: v.string(),
  path: v.string(),
  size: v.optional(v.number(), 0),
  lfs: v.optional(v.object({ oid: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) })),
});
const treeSchema = v.array(entrySchema);

/** Milliseconds for which a list is good enough for a digest: a folder's files are asked for one by one. */
const GOOD_FOR_MS = 120_000;

/** A tree of more pages than this is not a model's. */
const MOST_PAGES = 50;

/** Bytes that one page of a tree may have. */
const MOST_BYTES = 32 * 2 ** 20;

/** The repository and the path that an address of a hub's file names; undefined when it is none. */
export function parseHubUrl(
  url: URL,
  hubs: readonly string[],
): (HubRepository & { readonly path: string }) | undefined {
  const hub = hubs.find((origin) => new URL(origin).origin === url.origin);
  const match = /^\/((?:[^/]+\/)?[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
  const [, repository, revision, path] = match ?? [];
  if (hub === undefined || !repository || !revision || !path) return undefined;
  try {
    const decode = decodeURIComponent;
    return { hub, repository, revision: decode(revision), path: decode(path) };
  } catch {
    return undefined;
  }
}

/** The file that an address names, if it is a hub's and the hub lists it. Errors are those of a download. */
export async function findHubFile(
  url: URL,
  hubs: readonly string[],
  context: HubContext,
): Promise<HubFile | undefined> {
  const where = parseHubUrl(url, hubs);
  if (where === undefined) return undefined;
  const known = context.lists.get(firstPage(where).href);
  const isFresh = known !== undefined && context.clock.now() - known.askedAt < GOOD_FOR_MS;
  const files = isFresh ? known.files : await listHubFiles(where, context);
  return files.find(({ path }) => path === where.path);
}

/** Lists all files of a repository. Errors are those of a download. */
export async function listHubFiles(where: HubRepository, context: HubContext): Promise<HubFile[]> {
  const { repository, revision } = where;
  const first = firstPage(where);
  const files: HubFile[] = [];
  let next: URL | undefined = first;
  for (let page = 0; next !== undefined; page += 1) {
    // The next page is asked for with the token of this one: it has to be at the same host.
    if (page === MOST_PAGES || next.origin !== first.origin) throw strangeTree(repository, next);
    const { tree, following }: Page = await fetchPage(repository, next, context);
    for (const { type, path, size, lfs } of tree) {
      if (type !== 'file') continue;
      const escaped = path.split('/').map(encodeURIComponent).join('/');
      const branch = encodeURIComponent(revision);
      const url = `${first.origin}/${repository}/resolve/${branch}/${escaped}`;
      files.push({ path, url, size, sha256: lfs?.oid });
    }
    next = following;
  }
  context.lists.set(first.href, { askedAt: context.clock.now(), files });
  return files;
}

function firstPage({ hub, repository, revision }: HubRepository): URL {
  const branch = encodeURIComponent(revision);
  return new URL(`/api/models/${repository}/tree/${branch}?recursive=true`, hub);
}

type Page = {
  readonly tree: v.InferOutput<typeof treeSchema>;
  readonly following: URL | undefined;
};

async function fetchPage(repository: string, url: URL, context: HubContext): Promise<Page> {
  const file: FileAtHost = { path: `the list of files of ${repository}`, url };
  const { clock, signal } = context;
  const backOff = new BackOff(clock);
  for (;;) {
    try {
      return await tryPage(file, repository, context);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interrupted)) throw error;
      if (!backOff.mayRetry()) throw unreachable(file, backOff.failures, error);
      await backOff.wait(error, signal);
    }
  }
}

async function tryPage(file: FileAtHost, repository: string, context: HubContext): Promise<Page> {
  const { url } = file;
  const { fetch, tokens, stallMs, signal } = context;
  const headers = await authorization(url, tokens);
  const answer = await request(url, { fetch, headers, stallMs, signal });
  try {
    const { response } = answer;
    const hadToken = 'authorization' in headers;
    const reply = readReply(file, response, { from: 0, hadToken });
    if (reply.kind !== 'body') throw refused(file, response, hadToken);
    const tree = v.safeParse(treeSchema, await json(answer, repository, url));
    if (!tree.success) throw strangeTree(repository, url);
    const link = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    if (link === undefined) return { tree: tree.output, following: undefined };
    if (!URL.canParse(link, url)) throw strangeTree(repository, url);
    return { tree: tree.output, following: new URL(link, url) };
  } finally {
    answer.drop();
  }
}

async function json(answer: Answer, repository: string, url: URL): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const bytes = await answer.next();
    text += decoder.decode(bytes, { stream: bytes !== undefined });
    if (text.length > MOST_BYTES) throw strangeTree(repository, url);
    if (bytes === undefined) break;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw strangeTree(repository, url);
  }
}

function strangeTree(repository: string, url: URL): EngineError {
  return new EngineError(
    'download-failed',
    `${url.host} did not answer with a list of files when asked what is in ${repository}.`,
    { detail: { host: url.host, repository } },
  );
}
