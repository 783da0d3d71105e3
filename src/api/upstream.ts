/**
 * Another server of the same API: how busy it is, and what it answers.
 *
 * What is sent there is the fields of a request and the key that belongs to that server. The key that the request came
 * with stays here, and so do its headers.
 */

/** Another server of the API: a machine that runs `npm run serve`, the cloud, or another engine of this page. */
export type Upstream = {
  /** Where its API lives, without `/api`: `http://192.168.1.20:8080`. */
  readonly url: string;
  /** The key that it asks for; default none. */
  readonly key?: string;
  /** Carries requests there, such as the `fetch` of another client on this page. Default: the platform's. */
  readonly fetch?: (request: Request) => Promise<Response>;
};

/** The fields of a request, or of a reply. */
export type Fields = Readonly<Record<string, unknown>>;

/** When an upstream is given up: after so many seconds, or by the signal. */
export type Patience = { readonly seconds: number; readonly signal?: AbortSignal | undefined };

/** Seconds to say how busy one is: who cannot in that time is not to be trusted with a picture. */
const LOAD_PATIENCE = 3;

/**
 * POSTs fields to a path below `/api/` of an upstream and reads the JSON of its reply, whatever that says.
 *
 * @throws Error when it cannot be reached, redirects, takes too long or answers with no JSON; the signal's reason when that
 * is aborted.
 */
export async function askUpstream(
  { url, key = '', fetch: carry = (request) => fetch(request) }: Upstream,
  path: string,
  fields: Fields,
  { seconds, signal }: Patience,
): Promise<Fields> {
  const late = AbortSignal.timeout(seconds * 1000);
  const request = new Request(`${url.replace(/\/+$/, '')}/api/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...fields, key }),
    // The key and the prompt are for this server, not for one that it names.
    redirect: 'error',
    signal: signal === undefined ? late : AbortSignal.any([signal, late]),
  });
  try {
    return await jsonOf(await carry(request));
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted) throw new Error(`no answer within ${seconds} seconds`, { cause: error });
    throw error;
  }
}

/** An upstream, and the seconds and jobs before a new job there would begin; Infinity where it does not say. */
export type Load = { readonly upstream: Upstream; readonly seconds: number; readonly jobs: number };

/** How busy an upstream is: by system_load, or by system_details where that gives nothing. Rejects when it is away. */
export async function loadOf(upstream: Upstream, signal?: AbortSignal): Promise<Load> {
  const patience = { seconds: LOAD_PATIENCE, signal };
  const load = await askUpstream(upstream, 'v3/system_load', {}, patience);
  const told =
    load['status'] === 'ok'
      ? load
      : await askUpstream(upstream, 'v1/enterprise/system_details', {}, patience);
  const isOk = told['status'] === 'ok';
  return {
    upstream,
    seconds: isOk ? count(told['queue_time']) : Infinity,
    jobs: isOk ? count(told['queue_num'] ?? 0) : Infinity,
  };
}

/** Orders loads: who begins soonest comes first. */
export function compareLoads(a: Load, b: Load): number {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  return a.jobs === b.jobs ? 0 : a.jobs < b.jobs ? -1 : 1;
}

async function jsonOf(response: Response): Promise<Fields> {
  const value: unknown = await response.json().catch(() => undefined);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error(`HTTP ${response.status} without JSON`);
}

function count(value: unknown): number {
  const read = typeof value === 'number' || typeof value === 'string' ? Number(value) : NaN;
  return Number.isFinite(read) ? read : Infinity;
}
