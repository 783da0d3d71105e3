/**
 * Addresses of pictures that work where a reply is read: the origin's own where a service worker serves them there, blob
 * addresses otherwise.
 */

import { outputName } from './api-address.ts';
import type { Answer, CarriedResponse } from './carried.ts';

/** What a page says to a service worker to learn whether it serves pictures; it answers on the port that comes along. */
export const PING = 'local-diffusion: do you serve pictures?';

/** Milliseconds that a service worker has to start and answer. */
const PATIENCE = 3000;

/** Whether something serves pictures at this origin's addresses. */
export type IsServed = () => Promise<boolean>;

/** Asks the service worker that controls this page; each one once. */
export function servedByWorker(): IsServed {
  const known = new WeakMap<ServiceWorker, Promise<boolean>>();
  return async () => {
    const container = (navigator as Partial<Navigator>).serviceWorker;
    const controller = container?.controller ?? undefined;
    if (controller === undefined) return false;
    const answer = known.get(controller) ?? pinged(controller);
    known.set(controller, answer);
    return answer;
  };
}

/**
 * Puts addresses that work here into the replies of `ask`. A blob address is made once for each file and lives as long as the
 * page.
 */
export function withWorkingAddresses(ask: Answer, isServed: IsServed): Answer {
  const blobs = new Map<string, Promise<string>>();
  const blobAddress = async (address: string): Promise<string> => {
    const { status, headers, body } = await ask({ url: address, method: 'GET', headers: [] });
    if (status !== 200) return '';
    return URL.createObjectURL(new Blob([body], { type: contentType(headers) }));
  };
  const working = async (text: string): Promise<string> => {
    const name = text.startsWith(`${location.origin}/`) && outputName(new URL(text).pathname);
    if (name === false || name === undefined) return text;
    const made = blobs.get(name) ?? blobAddress(text);
    blobs.set(name, made);
    const address = await made;
    // What is not there yet is asked for again by the next reply.
    if (address === '') blobs.delete(name);
    return address;
  };
  return async (request) => {
    const reply = await ask(request);
    const json = jsonOf(reply);
    if (json === undefined || (await isServed())) return reply;
    const body = new TextEncoder().encode(JSON.stringify(await mapped(json, working)));
    return { ...reply, body: body.buffer };
  };
}

function pinged(worker: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => resolve(true), { once: true });
    port1.start();
    setTimeout(() => resolve(false), PATIENCE);
    worker.postMessage(PING, [port2]);
  });
}

function jsonOf({ headers, body }: CarriedResponse): unknown {
  const isJson = contentType(headers).startsWith('application/json') && body.byteLength > 0;
  if (!isJson) return undefined;
  return JSON.parse(new TextDecoder().decode(body)) as unknown;
}

function contentType(headers: CarriedResponse['headers']): string {
  return headers.find(([name]) => name === 'content-type')?.[1] ?? '';
}

/** `value` with every text in it mapped. */
async function mapped(value: unknown, map: (text: string) => Promise<string>): Promise<unknown> {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return Promise.all(value.map((each) => mapped(each, map)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(async ([name, each]) => {
    // A blob has no address before it exists.
    return [name, name === 'future_links' ? [] : await mapped(each, map)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
