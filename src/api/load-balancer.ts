/**
 * `loadbalancer: "yes"`: a picture is drawn by another server of the API, where upstreams are configured.
 *
 * The one that would begin soonest is asked first; when it fails or refuses, the next. Whoever asked here goes on asking
 * here: a job that an upstream has not finished gets a number of this place, under which its result is passed on.
 */

import type { ApiContext, Call } from './context.ts';
import { requestedId } from './endpoints/fetch.ts';
import { ROUTES, type EndpointName } from './routes.ts';
import { toFlag } from './schema/coerce.ts';
import { compareLoads, loadOf, askUpstream, type Fields, type Upstream } from './upstream.ts';

/** Endpoints whose work can be handed over. */
const DRAWING: readonly EndpointName[] = ['text2img', 'img2img', 'inpaint', 'controlnet'];

/** Fields that hold images. */
const IMAGES = ['init_image', 'mask_image', 'control_image', 'ip_adapter_image'];

/** Seconds for a picture: servers answer within half a minute with what they have, slow ones are given more. */
const PATIENCE = 180;

/** Seconds between two questions about a job. */
const PAUSE = 2;

/** What is kept of a job that an upstream draws. */
type RemoteNote = { readonly upstream: string; readonly path: string; readonly id: number };

/** A reply from elsewhere, or why it is to be drawn here. */
export type HandedOver =
  { readonly reply: Fields } | { readonly why: string; readonly body: Fields } | undefined;

/**
 * Hands a call over, when it asks for that and there are upstreams. Undefined: it is none of that kind; with `why`: no
 * upstream would do, and it is to be answered here from `body`. Rejects with the reason of an abort alone.
 */
export async function handedOver(
  name: EndpointName,
  call: Call,
  context: ApiContext,
): Promise<HandedOver> {
  if (context.upstreams.length === 0) return undefined;
  const body = call.body as Fields;
  if (DRAWING.includes(name)) {
    if (toFlag(body['loadbalancer']) !== true) return undefined;
    return drawnElsewhere(name, { ...call, body: { ...body, loadbalancer: 'no' } }, context);
  }
  if (name !== 'fetch' && name !== 'cancel') return undefined;
  const reply = await remoteJob(name, call, context);
  return reply && { reply };
}

/** A reply that was drawn here for want of others, with a word about it. */
export function withReason(reply: unknown, why: string): unknown {
  const { warnings = [], ...rest } = reply as { readonly warnings?: readonly string[] };
  return { ...rest, warnings: [...warnings, `loadbalancer: ${why}`] };
}

async function drawnElsewhere(
  name: EndpointName,
  call: Call & { readonly body: Fields },
  context: ApiContext,
): Promise<HandedOver> {
  const { signal, version, body } = call;
  const reasons: string[] = [];
  const fail = ({ url }: Upstream, reason: string): void => {
    reasons.push(`${new URL(url).host}: ${reason}`);
  };
  const loads = await Promise.all(
    context.upstreams.map((upstream) =>
      loadOf(upstream, signal).catch((error: unknown) => fail(upstream, reasonOf(error))),
    ),
  );
  signal?.throwIfAborted();
  const path = pathTo(name, version);
  const fields = await withOwnImages(body, context);
  for (const { upstream } of loads.filter((load) => load !== undefined).toSorted(compareLoads)) {
    try {
      const reply = await askUpstream(upstream, path, fields, { seconds: PATIENCE, signal });
      const { status } = reply;
      if (status === 'success') return { reply };
      if (status === 'processing') return { reply: await adopted(reply, upstream, call, context) };
      fail(upstream, messageOf(reply));
    } catch (error) {
      signal?.throwIfAborted();
      fail(upstream, reasonOf(error));
    }
  }
  return { why: `no other server would draw (${reasons.join('; ')}); drawn here.`, body };
}

/** A job that goes on elsewhere, as one of ours; a caller without end of patience gets its end. */
async function adopted(
  reply: Fields,
  upstream: Upstream,
  call: Call,
  context: ApiContext,
): Promise<Fields> {
  const { origin, version, waitSeconds } = call;
  const theirs = Number(reply['id']);
  const path = fetchPath(reply['fetch_result'], theirs) ?? `${pathTo('fetch', version)}/${theirs}`;
  const note: RemoteNote = { upstream: upstream.url, path, id: theirs };
  if (waitSeconds === Infinity) {
    const began = context.clock.now();
    const end = await endOf(note, call, context);
    if (end['status'] !== 'success') return end;
    const { meta, warnings = [] } = reply;
    return { ...end, generationTime: (context.clock.now() - began) / 1000, meta, warnings };
  }
  const id = await context.queue.keep([], { note });
  return { ...reply, id, fetch_result: `${origin}/api/${pathTo('fetch', version)}/${id}` };
}

async function endOf(note: RemoteNote, call: Call, context: ApiContext): Promise<Fields> {
  const never = new AbortController().signal;
  for (;;) {
    await context.clock.sleep(PAUSE * 1000, call.signal ?? never);
    call.signal?.throwIfAborted();
    const reply = await askedAbout(note, 'fetch', call, context);
    if (reply['status'] !== 'processing') return reply;
  }
}

async function remoteJob(
  name: 'fetch' | 'cancel',
  call: Call,
  context: ApiContext,
): Promise<Fields | undefined> {
  const id = requestedId(call);
  const note = id === undefined ? undefined : (await context.queue.find(id))?.note;
  if (note?.['upstream'] === undefined) return undefined;
  const reply = await askedAbout(note as RemoteNote, name, call, context);
  // They speak of the job by their number; failures by none.
  return typeof reply['id'] === 'number' ? { ...reply, id } : reply;
}

async function askedAbout(
  { upstream: url, path, id }: RemoteNote,
  name: 'fetch' | 'cancel',
  { signal }: Pick<Call, 'signal'>,
  { upstreams }: ApiContext,
): Promise<Fields> {
  const upstream = upstreams.find((each) => each.url === url);
  if (upstream === undefined) return failed(`The server that draws it, ${url}, is not configured.`);
  const asked = name === 'fetch' ? path : path.replace(/fetch(?=\/\d+$)/, 'cancel');
  try {
    return await askUpstream(upstream, asked, { request_id: id }, { seconds: 30, signal });
  } catch (error) {
    signal?.throwIfAborted();
    return failed(`The server that draws it, ${url}, does not answer: ${reasonOf(error)}`);
  }
}

function failed(message: string): Fields {
  return { status: 'failed', id: '', message, messege: message, output: '' };
}

/** Pictures of this place have addresses that other servers may not reach: they are sent along. */
async function withOwnImages(
  body: Fields,
  { links, queue }: Pick<ApiContext, 'links' | 'queue'>,
): Promise<Fields> {
  const entries = IMAGES.map(async (field) => {
    const value = body[field];
    const name = typeof value === 'string' ? links.nameOf?.(value.trim()) : undefined;
    const file = name === undefined ? undefined : await queue.file(name);
    const blob = value instanceof Blob ? value : file;
    return blob === undefined ? [] : [[field, await dataUri(blob)] as const];
  });
  return { ...body, ...Object.fromEntries((await Promise.all(entries)).flat()) };
}

async function dataUri(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return `data:${blob.type || 'application/octet-stream'};base64,${btoa(binary)}`;
}

/** The first path that leads to an endpoint of a version, or of any where that version has none. */
function pathTo(name: EndpointName, version: Call['version']): string {
  const paths = [...ROUTES].filter(([, { endpoint }]) => endpoint === name);
  const [path] = paths.find(([, route]) => route.version === version) ?? paths[0] ?? [''];
  return path;
}

/** The path below `/api/` of an address to fetch from; its host is not asked, for the key belongs to another. */
function fetchPath(address: unknown, id: number): string | undefined {
  if (typeof address !== 'string' || !URL.canParse(address)) return undefined;
  const path = new URL(address).pathname.replace(/^\/+api\/+/, '');
  return new RegExp(`^[\\w/]+/fetch/${id}$`).test(path) ? path : undefined;
}

function messageOf({ message, messege }: Fields): string {
  const told = message ?? messege ?? 'it refused without a reason';
  return typeof told === 'string' ? told : JSON.stringify(told);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
